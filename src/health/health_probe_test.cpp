#include "health/health_probe.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>

#include "health/metrics_page.h"
#include "observe/metrics.h"

namespace ledgerline::health {
namespace {

constexpr milliseconds kPatience{30'000};

bool eventually(const std::function<bool()>& holds) {
    const SteadyTime end = SystemClock().steady_now() + kPatience;
    while (!holds()) {
        if (SystemClock().steady_now() >= end) return false;
        Wakeup().wait(milliseconds(5));
    }
    return true;
}

std::string names(const Troubles& troubles) {
    std::string text;
    for (const Trouble& trouble : troubles) text += (trouble.required ? "!" : "") + trouble.name + " ";
    return text;
}

TEST(HealthProbe, NamesWhatIsMissingAndWhatIsDegraded) {
    std::atomic<bool> there = false;
    const SystemClock clock;
    HealthProbe probe(
        {dependency("a", [&] { return there.load(); }), dependency("b", [] { return false; }, false)}, clock);
    probe.start();
    EXPECT_EQ(names(probe.troubles()), "!a b ");
    EXPECT_FALSE(is_ready(probe.troubles()));
    there = true;
    EXPECT_TRUE(eventually([&] { return names(probe.troubles()) == "b "; }));
    EXPECT_TRUE(is_ready(probe.troubles()));
}

TEST(HealthProbe, OneNameStandsForAllThatIsSaidOfIt) {
    const SystemClock clock;
    HealthProbe probe(
        {{"db", [] { return Troubles{{"db", "slow", false}, {"db", "gone", true}, {"db", "odd", true}}; }}}, clock);
    probe.start();
    ASSERT_EQ(names(probe.troubles()), "!db ");
    EXPECT_EQ(probe.troubles().front().reason, "gone");
}

TEST(HealthProbe, ALookThatDoesNotComeBackIsSaidAndHoldsNobodyUp) {
    ManualClock clock;
    std::promise<void> go_on;
    const auto released = go_on.get_future().share();
    std::atomic<int> looks = 0;
    HealthProbe probe({dependency("swift", [] { return true; }),
                       {"db",
                        [&]() -> Troubles {
                            if (++looks > 1) released.wait();
                            return {};
                        }}},
                      clock);
    probe.start();
    EXPECT_EQ(names(probe.troubles()), "");
    EXPECT_TRUE(eventually([&] { return looks > 1; }));
    clock.advance(HealthProbe::overdue_after);
    EXPECT_EQ(names(probe.troubles()), "");
    clock.advance(milliseconds(1));
    ASSERT_EQ(names(probe.troubles()), "db ");
    EXPECT_EQ(probe.troubles().front().reason, "no answer for 1001 ms");
    clock.advance(HealthProbe::stale_after - HealthProbe::overdue_after);
    EXPECT_EQ(names(probe.troubles()), "!db ");
    go_on.set_value();
    EXPECT_TRUE(eventually([&] { return probe.troubles().empty(); }));
}

TEST(HealthProbe, AnExceptionIsTrouble) {
    const SystemClock clock;
    HealthProbe probe({{"db", []() -> Troubles { throw std::runtime_error("no luck"); }}}, clock);
    probe.start();
    ASSERT_EQ(names(probe.troubles()), "!db ");
    EXPECT_EQ(probe.troubles().front().reason, "no luck");
}

TEST(MetricsPage, IsFreshForTheFewAndAtMostASecondOldForMany) {
    ManualClock clock;
    Metrics metrics("test");
    MetricsPage page([&] { return metrics.to_text(); }, clock);
    const auto shows = [&](int events) {
        return page.text().contains("events_published_total " + std::to_string(events) + "\n");
    };
    for (int i = 1; i <= MetricsPage::made_max; ++i) {
        metrics.events_published_total.Increment();
        EXPECT_TRUE(shows(i));
    }
    metrics.events_published_total.Increment();
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(shows(MetricsPage::made_max));
    clock.advance(MetricsPage::age_max);
    EXPECT_TRUE(shows(MetricsPage::made_max + 1));
}

}  // namespace
}  // namespace ledgerline::health
