#include "http/server/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <string>
#include <vector>

namespace ledgerline::http {
namespace {

namespace asio = boost::asio;
using testing::ElementsAre;

class TurnsTest : public testing::Test {
protected:
    // A request of a tenant that has arrived.
    void arrive(int tenant, std::string name) {
        asio::co_spawn(context_, work(tenant, std::move(name)), asio::detached);
    }
    asio::awaitable<void> work(int tenant, std::string name) {
        co_await turns_.next(tenant);
        worked_.push_back(name);
        if (name == calls_) arrive(2, "late");
    }
    std::vector<std::string> worked() {
        context_.run();
        return worked_;
    }

    asio::io_context context_{1};
    Turns turns_{context_};
    std::string calls_;  // while it works, a request of tenant 2 arrives
    std::vector<std::string> worked_;
};

TEST_F(TurnsTest, TenantsTakeTurnsAndEachOnesRequestsKeepTheirOrder) {
    for (const char* name : {"a1", "a2", "a3", "a4"}) arrive(1, name);
    for (const char* name : {"b1", "b2"}) arrive(2, name);
    EXPECT_THAT(worked(), ElementsAre("a1", "a2", "b1", "a3", "b2", "a4"));
}

TEST_F(TurnsTest, WhatArrivesMeanwhileWaitsForOneRequestOfAnother) {
    for (const char* name : {"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"}) arrive(1, name);
    calls_ = "a2";
    const auto order = worked();
    EXPECT_LE(std::ranges::find(order, "late") - std::ranges::find(order, "a2"), 2);
    EXPECT_EQ(order.size(), 9U);
}

TEST_F(TurnsTest, WhatStillWaitsIsDestroyedWithIt) {
    const auto alive = std::make_shared<int>();
    {
        asio::io_context context{1};
        Turns turns(context);
        const auto wait = [](Turns& theirs, std::shared_ptr<int> held) -> asio::awaitable<void> {
            co_await theirs.next(1);
            co_await theirs.next(1);
        };
        for (int i = 0; i < 3; ++i) asio::co_spawn(context, wait(turns, alive), asio::detached);
        context.poll_one();
    }
    EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace ledgerline::http
