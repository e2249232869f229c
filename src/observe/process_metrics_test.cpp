#include "observe/process_metrics.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <map>
#include <string>

namespace ledgerline {
namespace {

std::map<std::string, double> values() {
    std::map<std::string, double> values;
    for (const auto& family : process_metrics())
        values[family.name] = family.type == prometheus::MetricType::Counter ? family.metric.at(0).counter.value
                                                                             : family.metric.at(0).gauge.value;
    return values;
}

TEST(ProcessMetrics, TellWhatTheSystemSays) {
    const auto before = values();
    EXPECT_GE(before.at("process_cpu_seconds_total"), 0);
    EXPECT_GT(before.at("process_resident_memory_bytes"), 1e6);
    EXPECT_GT(before.at("process_virtual_memory_bytes"), before.at("process_resident_memory_bytes"));
    EXPECT_GE(before.at("process_threads"), 1);
    EXPECT_GT(before.at("process_max_fds"), before.at("process_open_fds"));
    const auto now = static_cast<double>(std::time(nullptr));
    EXPECT_LE(before.at("process_start_time_seconds"), now + 60);
    EXPECT_GT(before.at("process_start_time_seconds"), now - 24 * 3600);

    const int copy = dup(STDERR_FILENO);
    ASSERT_GE(copy, 0);
    EXPECT_EQ(values().at("process_open_fds"), before.at("process_open_fds") + 1);
    close(copy);
}

}  // namespace
}  // namespace ledgerline
