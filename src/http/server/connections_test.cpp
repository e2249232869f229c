// Which connection is evicted when there is no room, without a network.
#include "http/server/connections.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

namespace ledgerline::http {
namespace {

using Doing = Connections::Doing;

class ConnectionsTest : public testing::Test {
protected:
    std::shared_ptr<Connections::Place> admit(Connections& connections, const char* from) {
        return connections.admit(boost::asio::ip::make_address(from), evict_);
    }
    void wait_until_still() { std::this_thread::sleep_for(2 * Connections::still_min); }
    bool evicted(const std::shared_ptr<Connections::Place>& place) const {
        return std::ranges::any_of(evicted_, [&](const auto& each) { return each.first.lock() == place; });
    }

    std::vector<std::pair<std::weak_ptr<Connections::Place>, Eviction>> evicted_;
    const Connections::Evict evict_ = [this](const std::weak_ptr<Connections::Place>& place, Eviction reason) {
        evicted_.emplace_back(place, reason);
    };
};

TEST_F(ConnectionsTest, TheUnfinishedGoBeforeTheIdleAndTheStillestFirst) {
    Connections connections({4, 4, {}});
    const auto idle = admit(connections, "10.0.0.1"), first = admit(connections, "10.0.0.1"),
               second = admit(connections, "10.0.0.1"), busy = admit(connections, "10.0.0.1");
    idle->begin(Doing::working);
    idle->begin(Doing::idle);
    busy->begin(Doing::working);
    first->begin(Doing::reading);  // a byte of it: it has moved after the second one

    const auto third = admit(connections, "10.0.0.1");
    EXPECT_TRUE(evicted(second));
    third->begin(Doing::working);
    const auto fourth = admit(connections, "10.0.0.1");
    EXPECT_TRUE(evicted(first));
    fourth->begin(Doing::working);
    const auto fifth = admit(connections, "10.0.0.1");
    EXPECT_TRUE(evicted(idle));
    fifth->begin(Doing::working);
    EXPECT_EQ(admit(connections, "10.0.0.1"), nullptr);
    EXPECT_EQ(evicted_.size(), 3u);
    EXPECT_FALSE(evicted(busy));
}

TEST_F(ConnectionsTest, TheMostCrowdedAddressMakesRoom) {
    Connections connections({4, 4, {}});
    const auto lone = admit(connections, "10.0.0.1");
    const auto one = admit(connections, "10.0.0.2"), two = admit(connections, "10.0.0.2"),
               three = admit(connections, "10.0.0.2");
    const auto newcomer = admit(connections, "10.0.0.3");
    ASSERT_TRUE(newcomer);
    EXPECT_TRUE(evicted(one));
    EXPECT_EQ(evicted_.size(), 1u);
    EXPECT_FALSE(evicted(lone));
}

TEST_F(ConnectionsTest, AnAddressBeyondItsShareMakesRoomByItself) {
    Connections connections({100, 1, {}});
    const auto other = admit(connections, "10.0.0.1");
    auto mine = admit(connections, "2001:db8::1");
    const auto next = admit(connections, "2001:db8::2");  // the same network
    ASSERT_TRUE(next);
    EXPECT_TRUE(evicted(mine));
    mine.reset();  // its place is gone already
    next->begin(Doing::working);
    EXPECT_EQ(admit(connections, "2001:db8::1"), nullptr);
    EXPECT_FALSE(evicted(other));
}

TEST_F(ConnectionsTest, TrustedAddressesHaveNoShareAndGoLast) {
    Connections connections({3, 1, {*Network::parse("10.1.0.0/16")}});
    const auto one = admit(connections, "10.1.0.1"), two = admit(connections, "10.1.0.1"),
               client = admit(connections, "10.0.0.1");
    ASSERT_TRUE(one && two && client);
    EXPECT_TRUE(evicted_.empty());
    const auto next = admit(connections, "10.1.0.1");
    ASSERT_TRUE(next);
    EXPECT_TRUE(evicted(client));
}

TEST_F(ConnectionsTest, PlacesAreGivenBack) {
    Connections connections({2, 2, {}});
    for (int i = 0; i < 10; ++i) {
        const auto one = admit(connections, "10.0.0.1"), two = admit(connections, "10.0.0.2");
        one->begin(Doing::working);
        two->begin(Doing::working);
        EXPECT_EQ(admit(connections, "10.0.0.3"), nullptr);
    }
    EXPECT_TRUE(evicted_.empty());
}

TEST_F(ConnectionsTest, WhoHoldsBytesAndStandsStillGoes) {
    Connections connections({10, 10, {}});
    const auto empty = admit(connections, "10.0.0.1"), still = admit(connections, "10.0.0.2"),
               moving = admit(connections, "10.0.0.3"), writer = admit(connections, "10.0.0.4"),
               working = admit(connections, "10.0.0.5");
    for (const auto& place : {still, moving}) place->hold(1000);
    working->begin(Doing::working);
    working->hold(1000);
    writer->begin(Doing::writing);
    writer->hold(1000);
    connections.relieve(Eviction::request_bytes, 1);
    EXPECT_TRUE(evicted_.empty()) << "nobody has stood still for long";

    wait_until_still();
    moving->progress();
    still->hold(1001);  // some bytes, fewer than its pace asks for
    connections.relieve(Eviction::request_bytes, 5000);
    ASSERT_EQ(evicted_.size(), 1u);
    EXPECT_TRUE(evicted(still));
    EXPECT_EQ(evicted_[0].second, Eviction::request_bytes);
    connections.relieve(Eviction::request_bytes, 5000);
    EXPECT_EQ(evicted_.size(), 1u) << "nobody is told twice";
    connections.relieve(Eviction::answer_bytes, 1);
    EXPECT_TRUE(evicted(writer));
}

TEST_F(ConnectionsTest, NoMoreGoThanAreNeeded) {
    Connections connections({100, 100, {}});
    std::vector<std::shared_ptr<Connections::Place>> places;
    for (int i = 0; i < 10; ++i) {
        places.push_back(admit(connections, "10.0.0.1"));
        places.back()->hold(100);
    }
    wait_until_still();
    connections.relieve(Eviction::request_bytes, 250);
    EXPECT_EQ(evicted_.size(), 3u);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(evicted(places[static_cast<std::size_t>(i)]));
}

TEST_F(ConnectionsTest, OfThoseThatWaitForOneAnotherTheOneThatHasWaitedLongestGoes) {
    Connections connections({10, 10, {}});
    const auto first = admit(connections, "10.0.0.1"), second = admit(connections, "10.0.0.2");
    const auto wait = [](const auto& place) {
        place->begin(Doing::waiting);
        place->hold(1000);
    };
    wait(first);
    wait_until_still();
    connections.relieve(Eviction::request_bytes, 1000);
    EXPECT_TRUE(evicted_.empty()) << "one that waits alone has time";
    wait(second);
    connections.relieve(Eviction::request_bytes, 1000);
    EXPECT_TRUE(evicted(first));
    EXPECT_FALSE(evicted(second));
}

}  // namespace
}  // namespace ledgerline::http
