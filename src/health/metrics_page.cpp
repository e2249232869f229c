#include "health/metrics_page.h"

namespace ledgerline::health {

std::string MetricsPage::text() {
    std::shared_ptr<const std::string> page;
    {
        const std::lock_guard lock(mutex_);
        const SteadyTime now = clock_.steady_now();
        if (!last_ || now - counted_since_ >= age_max) {
            counted_since_ = now;
            made_ = 0;
        }
        if (made_ < made_max) {
            ++made_;
            last_ = std::make_shared<const std::string>(make_());
        }
        page = last_;
    }
    return *page;
}

}  // namespace ledgerline::health
