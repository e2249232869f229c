// Keys that are stored: their secrets, scopes, networks and limits; and those who are not let in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "http/rate_limit.h"
#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

constexpr std::string_view kId = "0198f0a0-0000-7000-8000-0123456789ab";

std::string text_of_key(char digit) {
    return "llk_0198f0a0000070008000"
           "0123456789ab_" +
           std::string(64, digit);
}

KeySecret secret_of(const std::string& text, int number, std::optional<WallTime> ends_at = {}) {
    KeySecret secret{.number = number, .ends_at = ends_at};
    secret.salt.fill(static_cast<unsigned char>(number));
    secret.hash = ApiKeys::hash_of(text, &secret.salt);
    return secret;
}

ApiKey stored_key(std::initializer_list<Scope> scopes, std::vector<KeySecret> secrets) {
    ApiKey key{.id = std::string(kId), .name = "shop", .scopes = {}};
    for (const Scope scope : scopes) key.scopes.add(scope);
    key.secrets = std::move(secrets);
    return key;
}

Request request_with(const std::string& text, std::string peer = "192.0.2.7") {
    Request request;
    request.method = "GET";
    request.path = "/v1/accounts";
    request.peer = std::move(peer);
    request.request_id = "r1";
    if (!text.empty()) request.headers = {{"x-api-key", text}};
    return request;
}

class StoredKeys : public testing::Test {
protected:
    // The code of the refusal, "" for a request that may proceed.
    std::string refusal(const Request& request, Scope scope = Scope::accounts_read) {
        const auto admitted = keys.admit(request, scope);
        return admitted ? "" : admitted.error().problem_code;
    }

    ManualClock clock;
    ApiKeys keys{{}, clock, {.stored = true}};
    const std::string first = text_of_key('a'), second = text_of_key('b');
};

TEST_F(StoredKeys, NobodyIsLetInBeforeTheyAreKnown) {
    EXPECT_EQ(refusal(request_with("")), edge_code::not_ready);
    EXPECT_FALSE(keys.is_open());
    keys.store({}, false);
    EXPECT_EQ(refusal(request_with("")), "");
    EXPECT_TRUE(keys.is_open());
}

TEST_F(StoredKeys, OnceThereWasOneEveryCallNeedsOne) {
    keys.store({}, true);
    EXPECT_EQ(refusal(request_with("")), edge_code::unauthorized);
    keys.store({stored_key({Scope::accounts_read}, {secret_of(first, 1)})}, true);
    EXPECT_EQ(refusal(request_with(first)), "");
    EXPECT_EQ(keys.admit(request_with(first), Scope::any).value()->id, kId);
    EXPECT_EQ(refusal(request_with(second)), edge_code::forbidden);
    keys.store({}, true);
    EXPECT_EQ(refusal(request_with(first)), edge_code::forbidden);
}

TEST_F(StoredKeys, ThePolicyAsksForOneEvenWhileThereIsNone) {
    ApiKeys asked{{}, clock, {.stored = true, .always_asked = true}};
    asked.store({}, false);
    EXPECT_EQ(asked.admit(request_with(""), Scope::any).error().problem_code, edge_code::unauthorized);
}

TEST_F(StoredKeys, AKeyOfAFileIsTakenBesides) {
    const std::vector<std::string> of_file{"a-key-of-the-file"};
    keys.replace(of_file);
    keys.store({stored_key({Scope::accounts_read}, {secret_of(first, 1)})}, true);
    EXPECT_EQ(refusal(request_with(of_file[0]), Scope::admin), "");
    EXPECT_EQ(refusal(request_with(first)), "");
}

TEST_F(StoredKeys, TwoSecretsAreTakenUntilTheOlderOneEnds) {
    const WallTime end = clock.wall_now() + std::chrono::seconds(10);
    keys.store({stored_key({Scope::accounts_read}, {secret_of(second, 2), secret_of(first, 1, end)})}, true);
    EXPECT_EQ(refusal(request_with(first)), "");
    EXPECT_EQ(refusal(request_with(second)), "");
    EXPECT_EQ(keys.take_used(),
              (std::vector<std::pair<std::string, int>>{{std::string(kId), 2}, {std::string(kId), 1}}));
    clock.advance(std::chrono::seconds(10));
    EXPECT_EQ(refusal(request_with(first)), edge_code::forbidden);
    EXPECT_EQ(refusal(request_with(second)), "");
    EXPECT_EQ(keys.take_used(), (std::vector<std::pair<std::string, int>>{{std::string(kId), 2}}));
    EXPECT_TRUE(keys.take_used().empty());
}

TEST_F(StoredKeys, OnlyAWholeKeyIsOne) {
    keys.store({stored_key({Scope::accounts_read}, {secret_of(first, 1)})}, true);
    std::string upper = first;
    std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
    for (const std::string& wrong :
         {first.substr(0, first.size() - 1), first + 'a', upper, first.substr(4), "x" + first})
        EXPECT_EQ(refusal(request_with(wrong)), edge_code::forbidden) << wrong;
}

TEST_F(StoredKeys, AKeyMayDoWhatItsScopesSay) {
    for (const auto& [had, name] : named_scopes) {
        keys.store({stored_key({had}, {secret_of(first, 1)})}, true);
        EXPECT_EQ(refusal(request_with(first), Scope::any), "");
        for (const auto& [needed, other] : named_scopes)
            EXPECT_EQ(refusal(request_with(first), needed),
                      had == needed || (had == Scope::admin && needed != Scope::cross_tenant)
                          ? ""
                          : edge_code::insufficient_scope)
                << name << " for " << other;
    }
    EXPECT_FALSE(Scopes::all().allow(Scope::undeclared));
}

// A request names the tenant by X-Tenant; these are known by name.
TEST_F(StoredKeys, AKeyIsOfItsTenant) {
    const KnownTenant tenants[] = {{"acme", 1}, {"zeta", 2}};
    keys.know(tenants);
    const auto tenant_of = [&](const std::string& named) {
        Request request = request_with(first);
        if (!named.empty()) request.headers.emplace_back("x-tenant", named);
        const auto admitted = keys.admit(request, Scope::accounts_read);
        if (!admitted) return admitted.error().problem_code;
        return std::to_string(keys.tenant_of(*admitted, request).value());
    };
    ApiKey key = stored_key({Scope::accounts_read, Scope::lanes_read, Scope::tenants_admin}, {secret_of(first, 1)});
    keys.store({key}, true);
    EXPECT_EQ(tenant_of(""), "0");
    EXPECT_EQ(tenant_of("default"), "0");
    EXPECT_EQ(tenant_of("zeta"), "2");
    EXPECT_EQ(tenant_of("none"), edge_code::tenant_not_found);
    EXPECT_EQ(refusal(request_with(first), Scope::lanes_read), "");
    // The same key in a tenant: it acts there alone, and sees nothing that all share.
    key.tenant = 1;
    keys.store({key}, true);
    EXPECT_EQ(tenant_of(""), "1");
    EXPECT_EQ(tenant_of("acme"), "1");
    for (const char* other : {"zeta", "default", "none"}) EXPECT_EQ(tenant_of(other), edge_code::forbidden) << other;
    EXPECT_EQ(refusal(request_with(first), Scope::lanes_read), edge_code::insufficient_scope);
    EXPECT_EQ(refusal(request_with(first), Scope::tenants_admin), edge_code::insufficient_scope);
    // One that may act in all of them is admin there, and not at home.
    key = stored_key({Scope::tenants_admin}, {secret_of(first, 1)});
    EXPECT_TRUE(key.may(Scope::admin, 1));
    EXPECT_FALSE(key.may(Scope::admin, default_tenant));
    EXPECT_FALSE(key.may(Scope::accounts_read, 1));
}

TEST_F(StoredKeys, AKeyIsTakenFromItsNetworksOnly) {
    ApiKey key = stored_key({Scope::accounts_read}, {secret_of(first, 1)});
    key.networks = {*Network::parse("10.0.0.0/8"), *Network::parse("2001:db8::/32")};
    keys.store({key}, true);
    for (const char* inside : {"10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"})
        EXPECT_EQ(refusal(request_with(first, inside)), "") << inside;
    for (const char* outside : {"11.1.2.3", "2001:db9::7", ""})
        EXPECT_EQ(refusal(request_with(first, outside)), edge_code::forbidden) << outside;
}

TEST_F(StoredKeys, ThoseWhoAreNotLetInAreCounted) {
    keys.store({stored_key({Scope::accounts_read}, {secret_of(first, 1)})}, true);
    refusal(request_with(second));
    refusal(request_with(second));
    refusal(request_with(first), Scope::admin);
    refusal(request_with(""));
    refusal(request_with(first));
    const auto refused = keys.refused().take();
    ASSERT_EQ(refused.size(), 3u);
    EXPECT_EQ(refused[0].count, 2);
    EXPECT_EQ(refused[0].peer, "192.0.2.7");
    EXPECT_EQ(refused[0].wanted, "GET /v1/accounts");
    EXPECT_EQ(refused[0].key_id, "");
    EXPECT_EQ(refused[1].key_id, kId);
    EXPECT_EQ(refused[1].code, edge_code::insufficient_scope);
    EXPECT_EQ(refused[2].code, edge_code::unauthorized);
    EXPECT_TRUE(keys.refused().take().empty());
}

// Anybody can be refused any number of times, from many addresses.
TEST_F(StoredKeys, AFloodOfThemIsBoundedAndNoneIsLost) {
    keys.store({}, true);
    constexpr int sent = 1000;
    for (int i = 0; i < sent; ++i) refusal(request_with(second, "2001:db8::" + std::to_string(i)));
    std::int64_t count = 0;
    const auto refused = keys.refused().take();
    for (const RefusedLogin& each : refused) count += each.count;
    EXPECT_EQ(refused.size(), RefusedLogins::kept_max + 1);
    EXPECT_EQ(refused.back().peer, "others");
    EXPECT_EQ(count, sent);
}

TEST(TokenBucket, GivesASecondsWorthAtOnceAndThenOneAtATime) {
    ManualClock clock;
    clock.advance(std::chrono::hours(1));
    TokenBucket bucket(10);
    const auto burst = [&](int calls) {
        int taken = 0;
        for (int i = 0; i < calls; ++i) taken += bucket.take(1, clock.steady_now()) ? 0 : 1;
        return taken;
    };
    EXPECT_EQ(burst(100), 10);
    const auto full = bucket.take(1, clock.steady_now());
    ASSERT_TRUE(full);
    EXPECT_EQ(full->retry_after, milliseconds(100));
    clock.advance(milliseconds(100));
    EXPECT_EQ(burst(100), 1);
    clock.advance(milliseconds(550));
    EXPECT_EQ(burst(100), 5);
    clock.advance(std::chrono::hours(1));
    EXPECT_EQ(burst(100), 10);
}

TEST(TokenBucket, PaysOffWhatIsMoreThanItHolds) {
    ManualClock clock;
    TokenBucket bucket(10);
    EXPECT_FALSE(bucket.take(25, clock.steady_now()));
    clock.advance(milliseconds(1500));
    EXPECT_TRUE(bucket.take(1, clock.steady_now()));
    clock.advance(milliseconds(100));
    EXPECT_FALSE(bucket.take(1, clock.steady_now()));
    EXPECT_FALSE(TokenBucket(std::nullopt).take(1'000'000, clock.steady_now()));
}

TEST(TokenBucket, ReservesASecondsWorthAtOnceAndTheRestOneAtATime) {
    ManualClock clock;
    TokenBucket bucket(refusals_per_second);
    const auto waits = [&](int answers) {
        std::vector<std::chrono::nanoseconds> waited;
        for (int i = 0; i < answers; ++i) waited.push_back(bucket.reserve(clock.steady_now(), refusal_wait_max));
        return waited;
    };
    constexpr int kAtOnce = refusals_per_second;
    EXPECT_THAT(waits(kAtOnce), testing::Each(milliseconds(0)));
    EXPECT_THAT(waits(3), testing::ElementsAre(milliseconds(5), milliseconds(10), milliseconds(15)));
    EXPECT_EQ(waits(10 * kAtOnce).back(), refusal_wait_max);
    clock.advance(std::chrono::seconds(2));
    EXPECT_THAT(waits(kAtOnce), testing::Each(milliseconds(0)));
}

TEST(TokenBucket, ManyThreadsTakeNoMoreThanThereIs) {
    ManualClock clock;
    TokenBucket bucket(1000);
    std::atomic<int> taken = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int call = 0; call < 1000; ++call) taken += bucket.take(1, clock.steady_now()) ? 0 : 1;
            });
    }
    EXPECT_EQ(taken, 1000);
}

class StoredKeysOfAListener : public EdgeTest {
protected:
    void start_with(const KeyLimits& limits) {
        config.key_policy.stored = true;
        start();
        ApiKey key = stored_key({Scope::accounts_read}, {secret_of(text, 1)});
        key.limits = limits;
        listener->keys().store({key}, true);
    }
    // The first answer that is not 200, of many calls on one connection.
    RawResponse first_refusal() {
        std::optional<RawResponse> last;
        RawConnection connection = connect();
        for (int i = 0; i < 50 && (!last || last->status == 200); ++i) {
            connection.send(get("/echo/a", header));
            last = connection.receive();
        }
        return *std::move(last);
    }
    const std::string text = text_of_key('a');
    const std::string header = "X-API-Key: " + text + "\r\n";
};

TEST_F(StoredKeysOfAListener, ARouteSaysWhichScopeItNeeds) {
    router.add({"GET", "/admin", "admin", [](const Request& request) { return echo(request); }, 0, Scope::admin});
    start_with({});
    EXPECT_EQ(answer_to(get("/echo/a", header))->status, 200);
    const auto refused = answer_to(get("/admin", header));
    EXPECT_EQ(refused->status, 403);
    EXPECT_EQ(refused->code(), edge_code::insufficient_scope);
    EXPECT_THAT(refused->body, testing::HasSubstr(R"("scope":"admin")"));
}

TEST_F(StoredKeysOfAListener, ARequestBeyondItsRateIsToldWhenToComeAgain) {
    KeyLimits limits;
    limits.requests_per_second = 3;
    start_with(limits);
    const RawResponse last = first_refusal();
    ASSERT_EQ(last.status, 429);
    EXPECT_EQ(last.code(), edge_code::rate_limited);
    EXPECT_EQ(last.header("retry-after"), "1");
    EXPECT_EQ(last.header("ratelimit"), R"("requests";r=0;t=1)");
    EXPECT_EQ(last.header("ratelimit-policy"), R"("requests";q=3;w=1)");
}

// The others pay for answers that nobody waits for.
TEST_F(StoredKeysOfAListener, WhoIsRefusedAgainAndAgainIsAnsweredAtAPace) {
    constexpr int kRequests = 2 * refusals_per_second;
    KeyLimits limits;
    limits.requests_per_second = 1;
    start_with(limits);
    RawConnection connection = connect();
    std::string requests;
    for (int i = 0; i < kRequests; ++i) requests += get("/echo/a", header);
    const SteadyTime begun = clock.steady_now();
    connection.send(requests);
    int refused = 0;
    for (int i = 0; i < kRequests; ++i) {
        const auto response = connection.receive();
        ASSERT_TRUE(response);
        refused += response->status == 429;
    }
    // So many at once, and so many in each second.
    EXPECT_LE(refused, refusals_per_second * (1 + std::chrono::duration<double>(clock.steady_now() - begun).count()));
    EXPECT_GT(refused, kRequests - 10);
}

TenantLimits limited(std::optional<std::int64_t> TenantLimits::* what, std::int64_t most) {
    TenantLimits limits;
    limits.*what = most;
    return limits;
}

// All keys of a tenant share what it may do; the limit of a key stays beside it.
TEST_F(StoredKeysOfAListener, ATenantBeyondItsRateIsToldSo) {
    start_with({});
    const KnownTenant tenants[] = {{"default", default_tenant, limited(&TenantLimits::requests_per_second, 3)}};
    listener->keys().know(tenants);
    const RawResponse last = first_refusal();
    ASSERT_EQ(last.status, 429);
    EXPECT_EQ(last.code(), edge_code::rate_limited);
    EXPECT_EQ(last.header("retry-after"), "1");
    EXPECT_EQ(last.header("ratelimit"), R"("tenant-requests";r=0;t=1)");
    EXPECT_EQ(last.header("ratelimit-policy"), R"("tenant-requests";q=3;w=1)");
    EXPECT_THAT(last.body, testing::HasSubstr(R"("limit":"tenant-requests")"));
    EXPECT_THAT(last.body, testing::HasSubstr("This tenant may make 3 requests a second"));
}

TEST_F(StoredKeysOfAListener, ATenantsBodiesAreCountedInKib) {
    start_with({});
    const KnownTenant tenants[] = {{"default", default_tenant, limited(&TenantLimits::request_kib_per_second, 1)}};
    listener->keys().know(tenants);
    for (const bool chunked : {false, true}) {
        std::optional<RawResponse> last;
        for (int i = 0; i < 50 && (!last || last->status != 429); ++i)
            last = answer_to(chunked ? post_chunked("/things", "3\r\n[1]\r\n0\r\n\r\n", header)
                                     : post("/things", "[1]", header));
        ASSERT_EQ(last->status, 429) << chunked;
        EXPECT_EQ(last->header("ratelimit-policy"), R"("tenant-kib";q=1;w=1)");
    }
    EXPECT_EQ(answer_to(get("/echo/a", header))->status, 200) << "it has no body";
}

TEST_F(StoredKeys, LimitsOfATenantStayUntilTheyChange) {
    const auto know = [&](const TenantLimits& limits) {
        const KnownTenant tenants[] = {{"acme", 1, limits}, {"zeta", 2}};
        keys.know(tenants);
        return keys.use_of(1);
    };
    EXPECT_FALSE(know({}));
    const auto use = know(limited(&TenantLimits::requests_per_second, 10));
    ASSERT_TRUE(use);
    EXPECT_FALSE(keys.use_of(2));
    EXPECT_EQ(know(limited(&TenantLimits::requests_per_second, 10)), use) << "what was used is not forgotten";
    EXPECT_NE(know(limited(&TenantLimits::requests_per_second, 20)), use);
    EXPECT_FALSE(know({}));
}

// One more is told so and closed, until the first goes or takes another key.
TEST_F(StoredKeysOfAListener, AKeyHasAsManyConnectionsAsItMay) {
    config.api_keys = {"the-key-of-the-shop", "the-key-of-the-bank"};
    config.connections_per_key = 1;
    start();
    const auto ask = [](RawConnection& connection, const std::string& key) {
        connection.send(get("/echo/a", "X-API-Key: the-key-of-the-" + key + "\r\n"));
        return connection.receive();
    };
    RawConnection first = connect(), second = connect();
    EXPECT_EQ(ask(first, "shop")->status, 200);
    EXPECT_EQ(ask(first, "shop")->status, 200) << "it has its seat";
    EXPECT_EQ(ask(second, "bank")->status, 200) << "each key has its own";
    const auto refused = ask(second, "shop");
    EXPECT_EQ(refused->status, 429);
    EXPECT_EQ(refused->code(), edge_code::rate_limited);
    EXPECT_EQ(refused->header("ratelimit-policy"), R"("connections";q=1)");
    EXPECT_TRUE(second.closed());
    EXPECT_EQ(ask(first, "bank")->status, 200) << "the other's seat is free again";
    RawConnection third = connect();
    EXPECT_EQ(ask(third, "shop")->status, 200) << "and so is the first one's";
}

TEST(WaitSeats, AreAsManyAsTheTenantMayHave) {
    const auto use = std::make_shared<TenantUse>(limited(&TenantLimits::waiters_max, 2));
    auto first = take_wait_seat(use);
    std::optional<Seat> moved;
    {
        std::optional<Seat> second = take_wait_seat(use);
        EXPECT_TRUE(first && second);
        EXPECT_FALSE(take_wait_seat(use));
        moved.emplace(*std::move(second));
    }
    EXPECT_FALSE(take_wait_seat(use)) << "a seat that moved is one";
    first.reset();
    EXPECT_TRUE(take_wait_seat(use));
    EXPECT_EQ(use->waiters, 1);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(take_wait_seat(nullptr));
}

TEST_F(StoredKeysOfAListener, ATrustedProxySaysWhereARequestComesFrom) {
    config.trusted_proxies = {*Network::parse("127.0.0.0/8"), *Network::parse("10.0.0.0/8")};
    const auto peer = [&](std::string_view forwarded) {
        return client_behind("127.0.0.1", forwarded, config.trusted_proxies);
    };
    EXPECT_EQ(peer(""), "127.0.0.1");
    EXPECT_EQ(peer("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(peer("203.0.113.9, 192.0.2.1, 10.0.0.3"), "192.0.2.1");
    EXPECT_EQ(peer("192.0.2.1, nonsense"), "127.0.0.1");
    EXPECT_EQ(client_behind("198.51.100.1", "192.0.2.1", config.trusted_proxies), "198.51.100.1");
    ApiKey key = stored_key({Scope::accounts_read}, {secret_of(text, 1)});
    key.networks = {*Network::parse("192.0.2.0/24")};
    config.key_policy.stored = true;
    start();
    listener->keys().store({key}, true);
    const auto status = [&](const std::string& headers) { return answer_to(get("/echo/a", header + headers))->status; };
    EXPECT_EQ(status(""), 403);
    EXPECT_EQ(status("X-Forwarded-For: 192.0.2.9\r\n"), 200);
    // What a client sends itself stands before what the proxy adds.
    EXPECT_EQ(status("X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: 203.0.113.1\r\n"), 403);
}

}  // namespace
}  // namespace ledgerline::http
