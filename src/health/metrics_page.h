// MetricsPage: the text of /metrics, made afresh at a moderate rate of requests and shared when they flood in: then it
// is at most a second old. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "observe/metrics.h"

namespace ledgerline::health {

class MetricsPage {
public:
    static constexpr milliseconds age_max{1'000};
    // How often the text is made within one age_max.
    static constexpr int made_max = 10;

    // Both must outlive it.
    MetricsPage(const Metrics& metrics, const Clock& clock) : metrics_(metrics), clock_(clock) {}

    std::string text();

private:
    const Metrics& metrics_;
    const Clock& clock_;
    std::mutex mutex_;
    SteadyTime counted_since_{};
    int made_ = 0;
    std::shared_ptr<const std::string> last_;
};

}  // namespace ledgerline::health
