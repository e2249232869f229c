// MetricsPage: the text of /metrics or /stats, made afresh at a moderate rate of requests and shared when they flood
// in: then it is at most a second old. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace ledgerline::health {

class MetricsPage {
public:
    static constexpr milliseconds age_max{1'000};
    // How often the text is made within one age_max.
    static constexpr int made_max = 10;

    // clock, and what make uses, must outlive it.
    MetricsPage(std::function<std::string()> make, const Clock& clock) : make_(std::move(make)), clock_(clock) {}

    std::string text();

private:
    const std::function<std::string()> make_;
    const Clock& clock_;
    std::mutex mutex_;
    SteadyTime counted_since_{};
    int made_ = 0;
    std::shared_ptr<const std::string> last_;
};

}  // namespace ledgerline::health
