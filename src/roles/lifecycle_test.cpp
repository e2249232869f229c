#include "roles/lifecycle.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <sstream>

#include "roles/role.h"

namespace ledgerline::roles {
namespace {

class NotedService final : public Service {
public:
    NotedService(std::string name, std::string& journal) : name_(std::move(name)), journal_(journal) {}
    void start() override { journal_ += "+" + name_ + " "; }
    void stop() override { journal_ += "-" + name_ + " "; }

private:
    const std::string name_;
    std::string& journal_;
};

class NotedServer final : public Server {
public:
    explicit NotedServer(std::string& journal) : journal_(journal) {}
    std::uint16_t port() const override { return 1; }
    void set_not_ready() override { journal_ += "not-ready "; }
    void stop_accepting(milliseconds grace) override {
        journal_ += "accepts-no-more:" + std::to_string(grace.count()) + " ";
    }
    void stop() override { journal_ += "-server "; }

private:
    std::string& journal_;
};

// Runs a role with two services until `end` ends it, and says on stderr what happened to them and with which result.
// For a process of its own, because the role takes over the signals.
[[noreturn]] void run_and_tell(const std::function<void(RoleProcess&)>& end) {
    Signals::claim();
    std::ostringstream out;
    const SystemClock clock;
    SystemRandom random;
    const Environment environment{.out = out, .err = out, .err_is_terminal = false, .clock = clock, .random = random};
    std::string journal;
    {
        RoleProcess process(environment,
                            {.name = "test",
                             .log = {},
                             .listen = {},
                             .timeouts = {.drain = milliseconds(70), .shutdown_delay = milliseconds(0)},
                             .shutdown_max = milliseconds(60'000),
                             .check = {},
                             .rights = {}},
                            {}, {});
        NotedServer server(journal);
        NotedService last("apply", journal), first("publish", journal);
        end(process);
        const auto ended = run_services(process, server, {&last, &first}, [&] { journal += "drain "; });
        journal += ended ? "well" : ended.error().code;
    }
    std::cerr << journal << '\n';
    _exit(0);
}

class LifecycleTest : public testing::Test {
protected:
    LifecycleTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(LifecycleTest, ASignalDrainsBeforeTheServicesStopInReverse) {
    EXPECT_EXIT(run_and_tell([](RoleProcess&) { kill(getpid(), SIGTERM); }), testing::ExitedWithCode(0),
                R"(\+apply \+publish not-ready accepts-no-more:70 drain -publish -apply -server well)");
}

TEST_F(LifecycleTest, AFailureStopsThemWithoutADrain) {
    EXPECT_EXIT(run_and_tell([](RoleProcess& process) { process.fail({Disposition::stop, "broken", "it broke"}); }),
                testing::ExitedWithCode(0),
                R"(\+apply \+publish not-ready accepts-no-more:70 -publish -apply -server broken)");
}

}  // namespace
}  // namespace ledgerline::roles
