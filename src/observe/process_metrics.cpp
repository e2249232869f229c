#include "observe/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include "observe/log.h"

namespace ledgerline {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

// The fields of /proc/self/stat after the program's name, which may contain anything (proc(5); field 3 comes first).
std::vector<double> stat_fields() {
    std::ifstream file("/proc/self/stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return {};
    std::istringstream rest(text.substr(name_end + 1));
    std::string state;
    rest >> state;
    std::vector<double> fields{0};
    for (double number = 0; rest >> number;) fields.push_back(number);
    return fields;
}

// When the machine was booted, in seconds since 1970.
std::optional<double> boot_time() {
    std::ifstream file("/proc/stat");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("btime ")) return std::stod(line.substr(6));
    return std::nullopt;
}

std::optional<double> open_files() {
    std::error_code error;
    const std::filesystem::directory_iterator files("/proc/self/fd", error);
    if (error) return std::nullopt;
    // One of them is the directory itself.
    return static_cast<double>(std::distance(begin(files), end(files)) - 1);
}

void add(std::vector<MetricFamily>& families, const char* name, const char* help, MetricType type,
         std::optional<double> value) {
    if (!value) return;
    prometheus::ClientMetric metric;
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = *value;
    families.push_back({name, help, type, {metric}});
}

}  // namespace

std::vector<MetricFamily> process_metrics() {
    // Indices into stat_fields(): utime 14, stime 15, num_threads 20, starttime 22, vsize 23 and rss 24 of proc(5).
    constexpr std::size_t kUser = 11, kSystem = 12, kThreads = 17, kStart = 19, kVirtual = 20, kResident = 21;
    std::vector<MetricFamily> families;
    const auto fields = stat_fields();
    if (fields.size() > kResident) {
        const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK)), page = static_cast<double>(sysconf(_SC_PAGESIZE));
        add(families, "process_cpu_seconds_total", "CPU time of the process, user and system", MetricType::Counter,
            (fields[kUser] + fields[kSystem]) / ticks);
        add(families, "process_resident_memory_bytes", "Memory of the process that is in RAM", MetricType::Gauge,
            fields[kResident] * page);
        add(families, "process_virtual_memory_bytes", "Address space of the process", MetricType::Gauge,
            fields[kVirtual]);
        add(families, "process_threads", "Threads of the process", MetricType::Gauge, fields[kThreads]);
        if (const auto booted = boot_time())
            add(families, "process_start_time_seconds", "Start of the process, in seconds since 1970",
                MetricType::Gauge, *booted + fields[kStart] / ticks);
    }
    add(families, "process_open_fds", "Open file descriptors", MetricType::Gauge, open_files());
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        add(families, "process_max_fds", "Limit of open file descriptors", MetricType::Gauge,
            static_cast<double>(limit.rlim_cur));
    add(families, "log_lines_dropped_total", "Log lines dropped because stderr had no room", MetricType::Counter,
        static_cast<double>(log::dropped_lines()));
    return families;
}

}  // namespace ledgerline
