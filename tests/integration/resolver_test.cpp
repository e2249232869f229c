// A resolver that never answers: a look-up waits no longer than it was told to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <mutex>

#include "db/connection.h"
#include "db/sqlstate.h"
#include "http/client.h"
#include "http/server/listen_sockets.h"
#include "roles/trace_sender.h"

namespace ledgerline::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

// A look-up ends when the test lets it, or, where nobody gave it up, in time for the test to fail.
class SilentResolver {
public:
    static constexpr seconds patience{60};
    int answer() {
        std::unique_lock lock(mutex_);
        ++asked_;
        changed_.notify_all();
        changed_.wait_for(lock, patience, [this] { return released_; });
        --asked_;
        changed_.notify_all();
        return EAI_AGAIN;
    }
    bool asked() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [this] { return asked_ > 0; });
    }
    void set(bool released) {
        std::unique_lock lock(mutex_);
        released_ = released;
        changed_.notify_all();
        if (released) changed_.wait(lock, [this] { return asked_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool released_ = false;
    int asked_ = 0;
};

SilentResolver resolver;
constexpr const char* kSilentName = "silent.test";

}  // namespace
}  // namespace ledgerline::test

// In place of the C library's, for every library of this program.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
    using ledgerline::test::resolver;
    const bool asks_others = !hints || !(hints->ai_flags & AI_NUMERICHOST);
    if (asks_others && host && std::strcmp(host, ledgerline::test::kSilentName) == 0) return resolver.answer();
    static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(host, service, hints, found);
}

namespace ledgerline::test {
namespace {

// Each test ends its call while the resolver is still being asked.
class Resolver : public testing::Test {
protected:
    Resolver() { resolver.set(false); }
    ~Resolver() override { resolver.set(true); }
};

TEST_F(Resolver, ThatIsSilentDoesNotHoldUpTheHttpClient) {
    http::Client client(http::BaseUrl{kSilentName, 1, ""});
    const auto answer = client.send({"GET", "/", {}, ""}, milliseconds(200));
    EXPECT_TRUE(resolver.asked());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, http::client_unreachable);
    EXPECT_THAT(answer.error().message,
                HasSubstr("http://silent.test:1 cannot be reached: the resolver does not answer"));
}

TEST_F(Resolver, ThatIsSilentDoesNotHoldUpADatabaseSession) {
    db::ConnectionConfig config;
    config.url = "postgresql://u@silent.test/db";
    config.connect_timeout = milliseconds(200);
    const auto opened = db::Connection::open(config);
    EXPECT_TRUE(resolver.asked());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, db::connection_lost);
    EXPECT_THAT(opened.error().message, HasSubstr("the resolver does not answer in time"));
}

TEST_F(Resolver, ThatIsSilentDoesNotHoldUpTheStartOfAListener) {
    const auto bound = http::ListenSockets::bind(kSilentName, 0, milliseconds(200));
    EXPECT_TRUE(resolver.asked());
    ASSERT_FALSE(bound);
    EXPECT_EQ(bound.error().code, "bad_address");
    EXPECT_THAT(bound.error().message, HasSubstr("the resolver does not answer in time"));
}

TEST_F(Resolver, ThatIsSilentDoesNotHoldUpTheExportOfTraces) {
    roles::HttpTraceSender sender("http://silent.test:4318/v1/traces", {});
    const auto answer = sender.post("{}", milliseconds(500));
    EXPECT_TRUE(resolver.asked());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "collector_unreachable");
}

}  // namespace
}  // namespace ledgerline::test
