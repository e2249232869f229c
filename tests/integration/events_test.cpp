// The feed of outcomes over HTTP, through the whole pipeline on real PostgreSQL.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "base/random.h"
#include "feed/position.h"
#include "lab/json_schema.h"
#include "lab/pipeline.h"
#include "lab/raw_connection.h"

namespace ledgerline::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string member(const json::Value& value, std::string_view name) {
    const json::Value* found = value.find(name);
    if (!found) return "missing";
    return found->if_string() ? std::string(*found->if_string()) : json::serialize(*found);
}

// One event as a client sees it.
struct Seen {
    std::string id, type, subject, source, text;
    std::int64_t lane = 0, seq = 0;
    json::Value data;

    explicit Seen(const json::Value& event)
        : id(member(event, "id")),
          type(member(event, "type")),
          subject(member(event, "subject")),
          source(member(event, "source")),
          text(json::serialize(event)),
          data(*event.find("data")) {
        lane = std::stoll(member(data, "lane"));
        seq = std::stoll(member(data, "seq"));
    }
    std::string at(std::string_view name) const { return member(data, name); }
    std::string of_transaction(std::string_view name) const { return member(*data.find("transaction"), name); }
};

std::vector<Seen> seen_in(const Answer& answer) {
    std::vector<Seen> seen;
    const json::Value* events = answer.body.find("events");
    if (!events) return seen;
    for (const json::Value& each : *events->if_array()) seen.emplace_back(each);
    return seen;
}

std::vector<std::string> types_of(const std::vector<Seen>& seen) {
    std::vector<std::string> types;
    for (const Seen& each : seen) types.push_back(each.type);
    return types;
}

// Reads the feed as a client does that keeps its cursor.
class Follower {
public:
    explicit Follower(const ApiServer& api, std::string query = "limit=100") : api_(api), query_(std::move(query)) {}

    // One call. Returns whether more is there.
    bool poll(int wait_s = 0) {
        std::string target = "/v1/events?" + query_ + "&wait=" + std::to_string(wait_s);
        if (!cursor.empty()) target += "&after=" + cursor;
        const Answer answer = api_.get(target);
        EXPECT_EQ(answer.status, 200) << answer.text();
        cursor = answer.at("next_cursor");
        for (Seen& each : seen_in(answer)) seen.push_back(std::move(each));
        return answer.at("has_more") == "true";
    }
    void drain() {
        while (poll()) continue;
    }
    void poll_until(std::size_t count) {
        while (seen.size() < count && !testing::Test::HasFailure()) poll(10);
    }

    std::string cursor;
    std::vector<Seen> seen;

private:
    const ApiServer& api_;
    const std::string query_;
};

class Events : public testing::Test {
protected:
    Answer post(const std::string& path, const std::string& body) const {
        return pipeline_.api().post(path, body, {{"Prefer", "wait=10"}});
    }
    std::string pay(const std::string& account, const std::string& key, int cents, const std::string& type = "CREDIT",
                    const std::string& more = "") const {
        const Answer made = post("/v1/transactions", transaction_json(account, key, cents, type, more));
        EXPECT_EQ(made.status, 201) << made.text();
        return made.at("id");
    }
    Answer transfer(const std::string& from, const std::string& to, const std::string& key, int cents) const {
        return post("/v1/transfers",
                    fmt::format(R"({{"idempotency_key":"{}","legs":[{{"from_account_id":"{}","to_account_id":"{}",)"
                                R"("amount_cents":{},"currency":"EUR"}}]}})",
                                key, from, to, cents));
    }
    std::vector<Seen> all(const std::string& query = "limit=100") const {
        Follower follower(pipeline_.api(), query);
        follower.drain();
        return follower.seen;
    }
    std::string value(const std::string& sql) const { return pipeline_.database().value(sql); }
    // As many as the tables have, each once, in the order of each lane.
    void expect_complete(const std::vector<Seen>& seen) const {
        std::map<std::int64_t, std::pair<std::int64_t, std::string>> last;
        std::set<std::string> ids;
        for (const Seen& each : seen) {
            EXPECT_TRUE(ids.insert(each.source + each.id).second) << each.id;
            EXPECT_EQ(each.source, fmt::format("ledgerline/lanes/{}", each.lane));
            EXPECT_LE(last[each.lane].first, each.seq);
            last[each.lane] = {each.seq, each.id};
        }
        EXPECT_EQ(std::to_string(seen.size()),
                  value("SELECT (SELECT count(*) FROM decisions) + (SELECT count(*) FROM account_changes)"));
        std::set<std::string> wanted;
        std::istringstream rows(
            value("SELECT string_agg(p.event_id || ':' || d.lane || ':' || d.seq, E'\\n') FROM "
                  "decisions d JOIN lane_places p USING (lane, seq)"));
        for (std::string id; std::getline(rows, id);) wanted.insert(id);
        for (const Seen& each : seen)
            if (each.type != "account.updated") EXPECT_TRUE(wanted.contains(each.id)) << each.id;
        expect_as_published(seen);
    }
    // As the published schemas say.
    static void expect_as_published(const std::vector<Seen>& seen) {
        std::vector<std::string> events, outcomes, updates;
        for (const Seen& each : seen) {
            events.push_back(each.text);
            (each.type == "account.updated" ? updates : outcomes).push_back(json::serialize(each.data));
        }
        for (const auto& [name, documents] :
             {std::pair{"event.v1", &events}, std::pair{"transaction.outcome.v1", &outcomes},
              std::pair{"account.updated.v1", &updates}}) {
            const auto verdicts = JsonSchema(name).check(*documents);
            for (std::size_t i = 0; i < verdicts.size(); ++i) EXPECT_EQ(verdicts[i], "ok") << (*documents)[i];
        }
    }

    Pipeline pipeline_;
    const ApiServer& api_ = pipeline_.api();
};

TEST_F(Events, TellWhatBecameOfEachTransaction) {
    const std::string account = api_.account();
    const std::string paid = pay(account, "paid", 500, "CREDIT", R"(,"reference":"order 7","metadata":{"a":1})");
    const std::string refused = pay(account, "refused", 501, "DEBIT");
    const auto seen = all();
    ASSERT_THAT(types_of(seen), ElementsAre("transaction.processed", "transaction.failed"));
    const Seen& first = seen[0];
    EXPECT_EQ(first.subject, account);
    EXPECT_EQ(first.id,
              value(fmt::format("SELECT event_id || ':' || lane || ':' || seq FROM accepted WHERE id = '{}'", paid)));
    EXPECT_EQ(first.at("account_id"), account);
    EXPECT_EQ(first.at("primary"), "true");
    EXPECT_EQ(first.at("net_cents") + ' ' + first.at("balance_after_cents"), "500 500");
    EXPECT_EQ(first.at("failure_code"), "null");
    EXPECT_EQ(first.of_transaction("id"), paid);
    EXPECT_EQ(first.of_transaction("status"), "PROCESSED");
    EXPECT_EQ(first.of_transaction("reference"), "order 7");
    EXPECT_EQ(first.of_transaction("metadata"), R"({"a":1})");
    EXPECT_THAT(first.of_transaction("legs"), HasSubstr(account));
    EXPECT_EQ(seen[1].of_transaction("id"), refused);
    EXPECT_EQ(seen[1].of_transaction("status"), "FAILED");
    EXPECT_EQ(seen[1].at("failure_code"), "insufficient_balance");
    EXPECT_EQ(seen[1].at("balance_after_cents"), "500");
    // The same whenever it is told.
    const auto again = all("limit=1");
    ASSERT_THAT(again, SizeIs(2));
    EXPECT_EQ(again[0].text, seen[0].text);
    EXPECT_EQ(again[1].text, seen[1].text);
}

TEST_F(Events, ATransferIsToldForEachAccount) {
    const std::string from = api_.account(), to = api_.account();
    pay(from, "paid", 100);
    transfer(from, to, "t", 30);
    auto seen = all();
    ASSERT_THAT(seen, SizeIs(3));
    std::ranges::sort(seen, {}, [](const Seen& each) { return each.at("balance_after_cents"); });
    EXPECT_EQ(seen[1].subject, to);
    EXPECT_EQ(seen[1].at("primary") + ' ' + seen[1].at("net_cents"), "false 30");
    EXPECT_EQ(seen[2].subject, from);
    EXPECT_EQ(seen[2].at("primary") + ' ' + seen[2].at("net_cents"), "true -30");
    EXPECT_EQ(seen[1].of_transaction("account_id"), from);
    EXPECT_NE(seen[1].id, seen[2].id);
    EXPECT_EQ(seen[1].id.substr(0, 36), seen[2].id.substr(0, 36));
}

TEST_F(Events, HoldsTellWhatIsHeldAndWhenTheyExpire) {
    const std::string account = api_.account();
    pay(account, "paid", 100);
    const Answer hold = post("/v1/holds", fmt::format(R"({{"account_id":"{}","amount_cents":40,"currency":"EUR",)"
                                                      R"("idempotency_key":"h","expires_in_s":1}})",
                                                      account));
    ASSERT_EQ(hold.status, 201) << hold.text();
    Follower follower(api_);
    follower.poll_until(3);
    ASSERT_THAT(types_of(follower.seen), ElementsAre("transaction.processed", "transaction.processed", "hold.expired"));
    EXPECT_EQ(follower.seen[1].at("held_after_cents") + ' ' + follower.seen[1].at("available_after_cents"), "40 60");
    EXPECT_EQ(follower.seen[2].of_transaction("hold_id"), hold.at("id"));
    EXPECT_EQ(follower.seen[2].at("held_after_cents"), "0");
    expect_complete(follower.seen);
}

TEST_F(Events, ChangesOfAccountsStandWhereTheyTookEffect) {
    const std::string account = api_.account();
    const auto change = [&](const std::string& body) {
        const Answer changed = api_.call("PATCH", "/v1/accounts/" + account, body);
        EXPECT_EQ(changed.status, 200) << changed.text();
    };
    Follower follower(api_, "limit=1");
    change(R"({"min_balance_cents":-10,"reason":"credit"})");
    follower.drain();
    change(R"({"min_balance_cents":-20})");
    follower.drain();
    EXPECT_THAT(follower.seen, SizeIs(2));
    pay(account, "paid", 20, "DEBIT");
    change(R"({"status":"SUSPENDED"})");
    change(R"({"status":"ACTIVE"})");
    pay(account, "late", 1);
    follower.drain();
    ASSERT_THAT(types_of(follower.seen), ElementsAre("account.updated", "account.updated", "transaction.processed",
                                                     "account.updated", "account.updated", "transaction.processed"));
    EXPECT_EQ(follower.seen[0].id, account + ":1");
    EXPECT_EQ(follower.seen[0].at("before") + follower.seen[0].at("after"),
              R"({"min_balance_cents":0}{"min_balance_cents":-10})");
    EXPECT_EQ(follower.seen[0].at("reason"), "credit");
    EXPECT_EQ(follower.seen[3].id, account + ":3");
    expect_complete(follower.seen);
    // The same by account.
    const auto of_account = all("limit=2&account_id=" + account);
    ASSERT_THAT(of_account, SizeIs(6));
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(of_account[i].text, follower.seen[i].text);
}

TEST_F(Events, EveryPageSizeTellsAllOnceInOrder) {
    std::vector<std::string> accounts;
    for (int i = 0; i < 6; ++i) accounts.push_back(api_.account());
    std::string items;
    for (std::size_t i = 0; i < 60; ++i)
        items += (i ? "," : "") + transaction_json(accounts[i % 6], "k" + std::to_string(i), 10 + static_cast<int>(i));
    EXPECT_EQ(post("/v1/transactions/batch", R"({"transactions":[)" + items + "]}").status, 200);
    for (std::size_t i = 0; i < 20; ++i) transfer(accounts[i % 6], accounts[(i + 1) % 6], "t" + std::to_string(i), 1);
    std::vector<std::vector<std::string>> by_account;
    for (const char* query : {"limit=1", "limit=7", "limit=100", "limit=1000"}) {
        const auto seen = all(query);
        expect_complete(seen);
        auto& order = by_account.emplace_back();
        for (const std::string& account : accounts)
            for (const Seen& each : seen)
                if (each.subject == account) order.push_back(each.id);
        EXPECT_EQ(order, by_account.front());
    }
}

TEST_F(Events, FiltersSkipWithoutLosingThePlace) {
    const std::string one = api_.account(), other = api_.account();
    pay(one, "a", 10);
    pay(one, "b", 11, "DEBIT");
    pay(other, "c", 12);
    EXPECT_THAT(types_of(all("limit=10&type=transaction.failed")), ElementsAre("transaction.failed"));
    EXPECT_THAT(all("limit=10&type=transaction.failed,transaction.processed"), SizeIs(3));
    EXPECT_THAT(all("limit=10&type=hold.expired"), IsEmpty());
    EXPECT_THAT(types_of(all("limit=10&type=transaction.processed&account_id=" + one)),
                ElementsAre("transaction.processed"));
    // The cursor of a filtered feed goes on with any other filter.
    Follower follower(api_, "limit=10&type=hold.expired");
    follower.drain();
    pay(other, "d", 13);
    const Answer next = api_.get("/v1/events?after=" + follower.cursor);
    ASSERT_THAT(seen_in(next), SizeIs(1));
    EXPECT_EQ(seen_in(next)[0].at("balance_after_cents"), "25");
}

TEST_F(Events, WhoWaitsIsToldAtOnce) {
    const std::string account = api_.account();
    const std::string latest = api_.get("/v1/events?after=latest").at("next_cursor");
    std::vector<std::future<Answer>> waiting;
    for (const char* query : {"", "&type=transaction.processed"})
        for (const std::string& of : {std::string(), "&account_id=" + account})
            waiting.push_back(std::async(std::launch::async, [&, target = "/v1/events?wait=30&after=" + latest + query +
                                                                          of] { return api_.get(target); }));
    waiting.push_back(std::async(std::launch::async,
                                 [&] { return api_.get("/v1/events?wait=1&type=hold.expired&after=" + latest); }));
    const auto begun = std::chrono::steady_clock::now();
    await("the feed", "everybody waits", [&] { return pipeline_.metrics().feed_followers.Value() == 5; });
    pay(account, "paid", 5);
    const Answer nothing = waiting.back().get();
    waiting.pop_back();
    EXPECT_THAT(seen_in(nothing), IsEmpty());
    EXPECT_EQ(nothing.at("has_more"), "false");
    for (auto& each : waiting) {
        const Answer answer = each.get();
        ASSERT_THAT(seen_in(answer), SizeIs(1)) << answer.text();
        EXPECT_EQ(seen_in(answer)[0].subject, account);
        EXPECT_THAT(seen_in(api_.get("/v1/events?after=" + answer.at("next_cursor"))), IsEmpty());
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
    // What did not match was passed.
    EXPECT_THAT(seen_in(api_.get("/v1/events?after=" + nothing.at("next_cursor"))), IsEmpty());
}

TEST_F(Events, MistakesAreNamed) {
    const auto problem = [&](const std::string& query) {
        const Answer answer = api_.get("/v1/events?" + query);
        return std::to_string(answer.status) + ' ' + answer.code() + ' ' + answer.at("field");
    };
    EXPECT_EQ(problem("after=nonsense"), "400 invalid_cursor after");
    EXPECT_EQ(problem("after="), "400 invalid_parameter after");
    EXPECT_EQ(problem("cursor=x"), "400 unknown_parameter cursor");
    EXPECT_EQ(problem("wait=31"), "400 invalid_parameter wait");
    EXPECT_EQ(problem("limit=1001"), "400 invalid_parameter limit");
    EXPECT_EQ(problem("type=transaction.created"), "400 invalid_parameter type");
    EXPECT_EQ(problem("type=transaction.failed,"), "400 invalid_parameter type");
    EXPECT_EQ(problem("account_id=7"), "400 invalid_parameter account_id");
    // A cursor of another ledger, or of this one before it was restored.
    feed::FeedPosition beyond;
    beyond.advance(9, {4, 0});
    const Answer ahead = api_.get("/v1/events?after=" + beyond.cursor());
    EXPECT_EQ(ahead.code(), "invalid_cursor");
    EXPECT_THAT(ahead.at("detail"), HasSubstr("restored"));
}

std::string stream_request(const std::string& target, const std::string& headers = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n" + headers + "\r\n";
}

TEST_F(Events, AStreamGoesOnWhereItWasLost) {
    const std::string account = api_.account();
    pay(account, "first", 1);
    RawConnection stream(api_.port());
    ASSERT_TRUE(stream.send(stream_request("/v1/events")));
    const auto head = stream.receive(true);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->header("content-type"), "text/event-stream");
    EXPECT_EQ(head->header("transfer-encoding"), "chunked");
    const auto first = stream.receive_until("\n\n\r\n");
    ASSERT_TRUE(first);
    EXPECT_THAT(*first, HasSubstr("event: transaction.processed\ndata: {\"specversion\":\"1.0\""));
    const std::size_t id_at = first->rfind("\nid: ");
    ASSERT_NE(id_at, std::string::npos);
    const std::string id = first->substr(id_at + 5, first->find('\n', id_at + 5) - id_at - 5);
    pay(account, "second", 2);
    const auto second = stream.receive_until("\n\n\r\n");
    ASSERT_TRUE(second);
    EXPECT_THAT(*second, HasSubstr(R"("idempotency_key":"second")"));
    // Another connection that only knows the first.
    RawConnection again(api_.port());
    ASSERT_TRUE(again.send(stream_request("/v1/events?after=latest", "Last-Event-ID: " + id + "\r\n")));
    ASSERT_TRUE(again.receive(true));
    const auto repeated = again.receive_until("\n\n\r\n");
    ASSERT_TRUE(repeated);
    EXPECT_THAT(*repeated, HasSubstr(R"("idempotency_key":"second")"));
    EXPECT_THAT(*repeated, testing::Not(HasSubstr(R"("idempotency_key":"first")")));
    RawConnection wrong(api_.port());
    ASSERT_TRUE(wrong.send(stream_request("/v1/events", "Last-Event-ID: nonsense\r\n")));
    EXPECT_EQ(wrong.receive()->code(), "invalid_cursor");
}

TEST_F(Events, ClientsOfHttp10GetAStreamThatEndsWithTheConnection) {
    pay(api_.account(), "first", 1);
    RawConnection stream(api_.port());
    ASSERT_TRUE(stream.send("GET /v1/events HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"));
    const auto head = stream.receive(true);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->header("transfer-encoding"), "");
    EXPECT_EQ(head->header("connection"), "close");
    EXPECT_THAT(*stream.receive_until("\n\n"), HasSubstr("retry: 1000"));
    EXPECT_THAT(*stream.receive_until("\n\n"), testing::StartsWith("event: transaction.processed\ndata: {"));
}

// Many clients pay, transfer and change settings while followers read in their own ways. All see the same.
TEST_F(Events, UnderLoadEveryFollowerSeesEverything) {
    std::vector<std::string> accounts;
    for (int i = 0; i < 10; ++i) accounts.push_back(api_.account(R"("currency":"EUR","min_balance_cents":-1000)"));
    std::atomic<bool> done = false;
    std::vector<std::string> queries{"limit=1000", "limit=20", "limit=50&account_id=" + accounts[0],
                                     "limit=50&type=transaction.processed"};
    std::vector<std::vector<Seen>> found(queries.size());
    std::vector<std::jthread> followers;
    for (std::size_t i = 0; i < queries.size(); ++i)
        followers.emplace_back([&, i] {
            Follower follower(api_, queries[i]);
            while (!done) follower.poll(1);
            follower.drain();
            found[i] = std::move(follower.seen);
        });
    {
        std::vector<std::jthread> clients;
        for (int client = 0; client < 4; ++client)
            clients.emplace_back([&, client] {
                SeededRandom random(static_cast<std::uint64_t>(client));
                for (int i = 0; i < 60; ++i) {
                    const std::string key = fmt::format("{}-{}", client, i);
                    const std::string& one = accounts[random.below(10)];
                    if (i % 10 == 9)
                        api_.call("PATCH", "/v1/accounts/" + one,
                                  fmt::format(R"({{"min_balance_cents":-{}}})", 1000 + random.below(1000)));
                    else if (i % 2)
                        transfer(one, accounts[random.below(10)], key, static_cast<int>(1 + random.below(900)));
                    else
                        pay(one, key, static_cast<int>(1 + random.below(500)), random.below(2) ? "CREDIT" : "DEBIT");
                }
            });
    }
    done = true;
    followers.clear();
    expect_complete(found[0]);
    expect_complete(found[1]);
    const auto wanted = all("limit=1000");
    const auto matching = [&](const auto& matches) {
        std::map<std::string, std::string> by_id;
        for (const Seen& each : wanted)
            if (matches(each)) by_id[each.id] = each.text;
        return by_id;
    };
    const auto as_map = [](const std::vector<Seen>& seen) {
        std::map<std::string, std::string> by_id;
        for (const Seen& each : seen) EXPECT_TRUE(by_id.emplace(each.id, each.text).second) << each.id;
        return by_id;
    };
    EXPECT_EQ(as_map(found[2]), matching([&](const Seen& each) { return each.subject == accounts[0]; }));
    EXPECT_EQ(as_map(found[3]), matching([](const Seen& each) { return each.type == "transaction.processed"; }));
}

// Dead letters, without a worker.
TEST(EventsOfDeadLetters, AreParkedAndThenDecided) {
    ApiServer server;
    const std::string account = server.account();
    const auto accept = [&](const char* key) {
        return server.post("/v1/transactions", ApiServer::transaction(account, key)).at("id");
    };
    const std::string replayed = accept("replayed"), discarded = accept("discarded");
    const std::string letter = server.park(replayed), other = server.park(discarded);
    ASSERT_EQ(server.post("/v1/dead-letters/" + letter + "/replay", R"({"by":"ann"})").status, 200);
    server.apply(replayed);
    ASSERT_EQ(server.post("/v1/dead-letters/" + other + "/discard", R"({"by":"ann"})").status, 200);
    server.discard(discarded);
    Follower follower(server);
    follower.drain();
    ASSERT_THAT(types_of(follower.seen), ElementsAre("transaction.parked", "transaction.parked",
                                                     "transaction.processed", "transaction.discarded"));
    EXPECT_EQ(follower.seen[0].at("dead_letter_id"), letter);
    EXPECT_EQ(follower.seen[0].of_transaction("status"), "PROCESSING");
    EXPECT_EQ(follower.seen[2].of_transaction("id"), replayed);
    EXPECT_NE(follower.seen[2].id.substr(0, 36), follower.seen[0].id.substr(0, 36));  // another event
    EXPECT_EQ(follower.seen[3].of_transaction("status"), "FAILED");
    EXPECT_EQ(follower.seen[3].at("failure_code"), "discarded");
    for (const Seen& each : follower.seen)
        EXPECT_THAT(JsonSchema("transaction.outcome.v1").check({json::serialize(each.data)}), ElementsAre("ok"));
    // What the schema is to refuse.
    const std::string good = json::serialize(follower.seen[3].data);
    for (const auto& [part, broken] :
         {std::pair{"\"discarded\"", "null"}, std::pair{"\"primary\":true", "\"primary\":1"},
          std::pair{"\"FAILED\"", "\"PENDING\""}, std::pair{"\"seq\"", "\"place\""}}) {
        std::string bad = good;
        bad.replace(bad.find(part), std::string_view(part).size(), broken);
        EXPECT_NE(JsonSchema("transaction.outcome.v1").check({bad}).front(), "ok") << bad;
    }
}

}  // namespace
}  // namespace ledgerline::test
