// Reversals and chains through the whole pipeline: API, intake, publisher, memory bus and worker on real PostgreSQL.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <ranges>
#include <sstream>
#include <thread>

#include "base/random.h"
#include "lab/eventually.h"
#include "lab/pipeline.h"
#include "lab/verified.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;

std::string leg(const std::string& from, const std::string& to, std::int64_t cents) {
    return fmt::format(R"({{"from_account_id":"{}","to_account_id":"{}","amount_cents":{},"currency":"EUR"}})", from,
                       to, cents);
}

std::string transfer(const std::string& key, const std::vector<std::string>& legs, const std::string& more = "") {
    return fmt::format(R"({{"idempotency_key":"{}","legs":[{}]{}}})", key, fmt::join(legs, ","), more);
}

std::string key_json(const std::string& key, const std::string& more = "") {
    return fmt::format(R"({{"idempotency_key":"{}"{}}})", key, more);
}

class Reversals : public testing::Test {
protected:
    Answer post(const std::string& path, const std::string& body, const char* prefer = "wait=10") const {
        return pipeline_.api().post(path, body, {{"Prefer", prefer}});
    }
    Answer pay(const std::string& account, const std::string& key, int cents, const std::string& type) const {
        return post("/v1/transactions", transaction_json(account, key, cents, type));
    }
    Answer reverse(const std::string& id, const std::string& key, const std::string& more = "") const {
        return post("/v1/transactions/" + id + "/reverse", key_json(key, more));
    }
    Answer read(const std::string& id) const { return pipeline_.api().get("/v1/transactions/" + id); }
    std::string open(int cents = 0) const {
        const std::string account = pipeline_.api().account();
        if (cents > 0) EXPECT_EQ(pay(account, "open", cents, "CREDIT").at("status"), "PROCESSED");
        return account;
    }
    std::string balance(const std::string& account) const {
        return pipeline_.api().get("/v1/accounts/" + account).at("balance_cents");
    }
    void expect_clean() const { expect_verified(pipeline_.database()); }
    // Rows that the query gives as lines of fields with | between them.
    std::vector<std::vector<std::string>> rows(const std::string& query) const {
        std::vector<std::vector<std::string>> found;
        std::istringstream lines(pipeline_.database().value(query));
        for (std::string line; std::getline(lines, line);) {
            std::istringstream text(line);
            auto& fields = found.emplace_back();
            for (std::string field; std::getline(text, field, '|');) fields.push_back(field);
        }
        return found;
    }

    Pipeline pipeline_;
};

TEST_F(Reversals, TurnTheLegsRoundAndAreLinkedBothWays) {
    const std::string buyer = open(100), seller = open(), fees = open();
    const std::string sale =
        post("/v1/transfers", transfer("s", {leg(buyer, seller, 90), leg(seller, fees, 5)})).at("id");
    const Answer back = reverse(sale, "r", R"(,"reason":"never arrived","reference":"case 9","metadata":{"a":1})");
    ASSERT_EQ(back.status, 201) << back.text();
    EXPECT_EQ(back.at("type"), "REVERSAL");
    EXPECT_EQ(back.at("status"), "PROCESSED");
    EXPECT_EQ(back.at("amount_cents"), "95");
    EXPECT_EQ(back.at("reverses"), sale);
    EXPECT_EQ(back.at("reason"), "never arrived");
    EXPECT_EQ(back.at("legs.0.from_account_id"), seller);
    EXPECT_EQ(back.at("legs.0.to_account_id"), buyer);
    EXPECT_EQ(back.at("legs.1.from_account_id"), fees);
    EXPECT_EQ(read(sale).at("reversed_cents"), "95");
    EXPECT_EQ(balance(buyer) + ' ' + balance(seller) + ' ' + balance(fees), "100 0 0");
    EXPECT_EQ(reverse(sale, "r", R"(,"reason":"never arrived","reference":"case 9","metadata":{"a":1})")
                  .header("idempotent-replayed"),
              "true");
    EXPECT_EQ(reverse(sale, "r", R"(,"reason":"other")").code(), "idempotency_key_reused");
    EXPECT_EQ(reverse(sale, "again").code(), "already_reversed");
    expect_clean();
}

TEST_F(Reversals, OfOneLegMayBePartial) {
    const std::string account = open(50);
    const std::string debit = pay(account, "d", 40, "DEBIT").at("id");
    EXPECT_EQ(reverse(debit, "1", R"(,"amount_cents":15)").at("status"), "PROCESSED");
    EXPECT_EQ(balance(account), "25");
    const Answer more = reverse(debit, "2", R"(,"amount_cents":26)");
    EXPECT_EQ(more.code(), "reversal_exceeds_transaction");
    EXPECT_EQ(more.at("field"), "amount_cents");
    EXPECT_THAT(more.at("detail"), HasSubstr("at most 25"));
    const Answer rest = reverse(debit, "3");
    EXPECT_EQ(rest.at("amount_cents"), "25");
    EXPECT_EQ(rest.at("legs.0.from_external"), "true");
    EXPECT_EQ(balance(account), "50");
    EXPECT_EQ(reverse(debit, "3").header("idempotent-replayed"), "true");
    EXPECT_EQ(reverse(debit, "1", R"(,"amount_cents":15)").header("idempotent-replayed"), "true");
    EXPECT_EQ(read(debit).at("reversed_cents"), "40");
    // The money that a reversal takes back must be there.
    const std::string credit = pay(account, "c", 10, "CREDIT").at("id");
    pay(account, "away", 55, "DEBIT");
    EXPECT_EQ(reverse(credit, "c back").at("failure_code"), "insufficient_balance");
    EXPECT_EQ(read(credit).at("reversed_cents"), "0");
    EXPECT_EQ(reverse(credit, "c part", R"(,"amount_cents":5)").at("status"), "PROCESSED");
    EXPECT_EQ(balance(account), "0");
    expect_clean();
}

TEST_F(Reversals, ACaptureIsRefunded) {
    const std::string payer = open(30), shop = open();
    const std::string hold =
        post("/v1/holds", fmt::format(R"({{"account_id":"{}","amount_cents":20,"currency":"EUR","to_account_id":"{}",)"
                                      R"("idempotency_key":"h"}})",
                                      payer, shop))
            .at("id");
    const Answer capture = post("/v1/holds/" + hold + "/capture", key_json("c"));
    EXPECT_EQ(capture.at("hold_id"), hold);
    EXPECT_EQ(reverse(capture.at("id"), "refund", R"(,"amount_cents":5)").at("status"), "PROCESSED");
    EXPECT_EQ(balance(payer) + ' ' + balance(shop), "15 15");
    EXPECT_EQ(reverse(hold, "no").code(), "not_reversible");
    expect_clean();
}

TEST_F(Reversals, EachMistakeHasItsCode) {
    const std::string account = open(10), other = open();
    const std::string refused = pay(account, "too much", 11, "DEBIT").at("id");
    EXPECT_EQ(reverse(refused, "1").code(), "transaction_failed");
    const std::string paid = pay(account, "p", 4, "DEBIT").at("id");
    const std::string back = reverse(paid, "2", R"(,"amount_cents":1)").at("id");
    EXPECT_EQ(reverse(back, "3").code(), "not_reversible");
    EXPECT_EQ(reverse("0190a6e2-7b1c-7def-8abc-0123456789ab", "4").code(), "transaction_not_found");
    EXPECT_EQ(reverse("x", "4").code(), "invalid_id");
    EXPECT_EQ(reverse(paid, "5", R"(,"amount_cents":0)").at("field"), "amount_cents");
    EXPECT_EQ(reverse(paid, "5", R"(,"reason":"")").at("field"), "reason");
    EXPECT_EQ(reverse(paid, "5", R"(,"legs":[])").code(), "unknown_field");
    EXPECT_EQ(post("/v1/transactions/" + paid + "/reverse", "{}").code(), "missing_idempotency_key");
    const std::string two =
        post("/v1/transfers", transfer("t", {leg(account, other, 2), leg(account, other, 1)})).at("id");
    const Answer part = reverse(two, "6", R"(,"amount_cents":1)");
    EXPECT_EQ(part.code(), "invalid_field");
    EXPECT_THAT(part.at("detail"), HasSubstr("2 legs"));
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM accepted WHERE type = 'REVERSAL'"), "1");
    const Answer strict = post("/v1/transactions/" + pay(other, "c", 1, "CREDIT").at("id") + "/reverse", key_json("7"),
                               "wait=10, outcome=strict");
    EXPECT_EQ(strict.status, 201);
    expect_clean();
}

TEST_F(Reversals, SentAtTheSameTimeTakeBackNoMoreThanThereWas) {
    const std::string payer = open(100), payee = open();
    const std::string paid = post("/v1/transfers", transfer("p", {leg(payer, payee, 60)})).at("id");
    pay(payee, "plenty", 1000, "CREDIT");
    std::vector<std::thread> clients;
    for (int client = 0; client < 8; ++client)
        clients.emplace_back([&, client] {
            for (int i = 0; i < 5; ++i) reverse(paid, fmt::format("{}-{}", client, i), R"(,"amount_cents":7)");
        });
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(read(paid).at("reversed_cents"), "56");
    EXPECT_EQ(balance(payer) + ' ' + balance(payee), "96 1004");
    expect_clean();
}

// Chains -------------------------------------------------------------------------------------------------------------

class Chains : public Reversals {
protected:
    Answer batch(const std::vector<std::string>& items) const {
        return post("/v1/transactions/batch", fmt::format(R"({{"transactions":[{}]}})", fmt::join(items, ",")));
    }
    static std::string single(const std::string& account, const std::string& key, int cents, const std::string& type,
                              bool follower = false) {
        std::string text = transaction_json(account, key, cents, type);
        if (follower) text.insert(text.size() - 1, R"(,"after_previous":true)");
        return text;
    }
};

TEST_F(Chains, AFollowerIsAppliedOnlyIfWhatItFollowsWas) {
    const std::string payer = open(10), payee = open(), fees = open();
    const Answer good = batch({single(payer, "1", 6, "DEBIT"), single(payee, "2", 6, "CREDIT", true),
                               transfer("3", {leg(payee, fees, 1)}, R"(,"after_previous":true)")});
    for (const char* item : {"0", "1", "2"})
        EXPECT_EQ(good.at(fmt::format("results.{}.transaction.status", item)), "PROCESSED") << good.text();
    EXPECT_EQ(good.at("results.1.transaction.previous_id"), good.at("results.0.transaction.id"));
    const Answer bad =
        batch({single(payer, "4", 6, "DEBIT"), single(payee, "5", 6, "CREDIT", true),
               transfer("6", {leg(payee, fees, 1)}, R"(,"after_previous":true)"), single(fees, "7", 2, "CREDIT")});
    EXPECT_EQ(bad.at("results.0.transaction.failure_code"), "insufficient_balance");
    EXPECT_EQ(bad.at("results.1.transaction.failure_code"), "previous_failed");
    EXPECT_EQ(bad.at("results.2.transaction.failure_code"), "previous_failed");
    EXPECT_EQ(bad.at("results.3.transaction.status"), "PROCESSED");
    EXPECT_EQ(balance(payer) + ' ' + balance(payee) + ' ' + balance(fees), "4 5 3");
    EXPECT_EQ(batch({single(payer, "4", 6, "DEBIT"), single(payee, "5", 6, "CREDIT", true)}).at("results.1.replayed"),
              "true");
    // A place that is there for the order alone moves nothing.
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM places p JOIN accepted t ON t.id = p.transaction_id "
                                         "WHERE t.previous_id IS NOT NULL AND t.legs IS NULL AND p.net_cents = 0"),
              "2");
    expect_clean();
}

TEST_F(Chains, NothingIsStoredOfAChainWhoseHeadIsRefused) {
    const std::string account = open(10);
    const Answer answer = batch({single(account, "1", 0, "DEBIT"), single(account, "2", 1, "CREDIT", true),
                                 single(account, "3", 1, "CREDIT", true), single(account, "4", 1, "CREDIT")});
    EXPECT_EQ(answer.at("results.0.problem.code"), "invalid_field");
    EXPECT_EQ(answer.at("results.1.problem.code"), "previous_failed");
    EXPECT_EQ(answer.at("results.1.problem.field"), "transactions[1].after_previous");
    EXPECT_EQ(answer.at("results.2.problem.code"), "previous_failed");
    EXPECT_EQ(answer.at("results.3.transaction.status"), "PROCESSED");
    const Answer unknown = batch(
        {single("0190a6e2-7b1c-7def-8abc-0123456789ab", "5", 1, "DEBIT"), single(account, "6", 1, "CREDIT", true)});
    EXPECT_EQ(unknown.at("results.0.problem.code"), "account_not_found");
    EXPECT_EQ(unknown.at("results.1.problem.code"), "previous_failed");
    const Answer first = batch({single(account, "7", 1, "CREDIT", true)});
    EXPECT_EQ(first.at("results.0.problem.field"), "transactions[0].after_previous") << first.text();
    EXPECT_EQ(post("/v1/transactions", single(account, "8", 1, "CREDIT", true)).code(), "unknown_field");
    EXPECT_EQ(balance(account), "11");
    expect_clean();
}

TEST_F(Chains, HaveALimitAndMayBeAsLongAsIt) {
    const std::string account = open(200);
    std::vector<std::string> items;
    for (int i = 0; i <= 100; ++i) items.push_back(single(account, std::to_string(i), 1, "DEBIT", i > 0));
    const Answer answer = batch(items);
    EXPECT_EQ(answer.at("results.99.transaction.status"), "PROCESSED");
    EXPECT_EQ(answer.at("results.100.problem.code"), "invalid_field");
    EXPECT_THAT(answer.at("results.100.problem.detail"), HasSubstr("99 items in a row"));
    EXPECT_EQ(balance(account), "100");
    expect_clean();
}

TEST_F(Chains, TheCallersOwnDateIsKeptAndOrdersNothing) {
    const std::string account = open();
    const auto dated = [&](const std::string& key, const std::string& date) {
        std::string text = transaction_json(account, key, 1, "CREDIT");
        return text.insert(text.size() - 1, fmt::format(R"(,"occurred_at":"{}")", date));
    };
    const Answer later = post("/v1/transactions", dated("1", "2024-03-01T12:00:00+02:00"));
    EXPECT_EQ(later.at("occurred_at"), "2024-03-01T10:00:00.000000Z") << later.text();
    const Answer earlier = post("/v1/transactions", dated("2", "1993-01-05T00:00:00Z"));
    EXPECT_EQ(read(earlier.at("id")).at("occurred_at"), "1993-01-05T00:00:00.000000Z");
    EXPECT_EQ(post("/v1/transactions", dated("2", "1993-01-06T00:00:00Z")).code(), "idempotency_key_reused");
    EXPECT_EQ(post("/v1/transactions", dated("3", "yesterday")).at("field"), "occurred_at");
    const Answer list = pipeline_.api().get("/v1/transactions?account_id=" + account);
    EXPECT_EQ(list.at("transactions.0.id"), earlier.at("id"));
    expect_clean();
}

// The ledger by the rules alone: what a few dozen lines make of the accepted transactions in the order in which they
// were decided.
struct Model {
    struct Move {
        std::string from, to;
        std::int64_t cents = 0;
    };
    struct Done {
        bool processed = false;
        std::vector<Move> moves;
        std::int64_t cents = 0, reversed = 0;
    };
    std::map<std::string, std::int64_t> balances;
    std::map<std::string, Done> done;

    bool take(const std::string& id, const std::vector<Move>& moves, const std::string& previous,
              const std::string& reverses) {
        Done& own = done[id];
        own.moves = moves;
        for (const Move& move : moves) own.cents += move.cents;
        if (!previous.empty() && !done[previous].processed) return false;
        Done* original = reverses.empty() ? nullptr : &done[reverses];
        if (original && (!original->processed || own.cents > original->cents - original->reversed)) return false;
        std::map<std::string, std::int64_t> net;
        for (const Move& move : moves) net[move.from] -= move.cents, net[move.to] += move.cents;
        for (const auto& [account, cents] : net)
            if (!account.empty() && cents < 0 && balances[account] + cents < 0) return false;
        for (const auto& [account, cents] : net) balances[account] += cents;
        if (original) original->reversed += own.cents;
        return own.processed = true;
    }
};

TEST_F(Chains, RandomMixesAreWhatAModelSays) {
    constexpr int kAccounts = 5, kClients = 6, kRequests = 40;
    std::vector<std::string> accounts;
    for (int i = 0; i < kAccounts; ++i) accounts.push_back(open(150));
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client)
        clients.emplace_back([&, client] {
            SeededRandom random(static_cast<std::uint64_t>(client) + 11);
            std::vector<std::string> made;
            const auto any = [&] { return accounts[random.below(kAccounts)]; };
            const auto payment = [&](const std::string& key, bool follower) {
                const int cents = 1 + static_cast<int>(random.below(80));
                if (random.below(2) == 0)
                    return single(any(), key, cents, random.below(3) ? "DEBIT" : "CREDIT", follower);
                const auto from = random.below(kAccounts), to = (from + 1 + random.below(kAccounts - 1)) % kAccounts;
                return transfer(key, {leg(accounts[from], accounts[to], cents)},
                                follower ? R"(,"after_previous":true)" : "");
            };
            for (int i = 0; i < kRequests; ++i) {
                const std::string key = fmt::format("{}-{}", client, i);
                if (random.below(3) > 0 || made.empty()) {
                    std::vector<std::string> items;
                    for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
                        items.push_back(payment(fmt::format("{}-{}", key, n), !items.empty() && random.below(3) > 0));
                    const Answer answer = pipeline_.api().post(
                        "/v1/transactions/batch", fmt::format(R"({{"transactions":[{}]}})", fmt::join(items, ",")));
                    for (std::size_t n = 0; n < items.size(); ++n)
                        made.push_back(answer.at(fmt::format("results.{}.transaction.id", n)));
                } else {
                    const std::string more =
                        random.below(2) ? fmt::format(R"(,"amount_cents":{})", 1 + random.below(40)) : "";
                    const Answer back = pipeline_.api().post(
                        "/v1/transactions/" + made[random.below(made.size())] + "/reverse", key_json(key, more));
                    EXPECT_TRUE(back.status == 201 || back.status == 409 || back.status == 422) << back.text();
                }
            }
        });
    for (std::thread& client : clients) client.join();
    expect_clean();

    std::map<std::string, std::vector<std::string>> transactions;
    for (const auto& fields :
         rows("SELECT string_agg(concat_ws('|', t.id, coalesce(t.previous_id::text, ''), "
              "CASE WHEN t.type = 'REVERSAL' THEN t.parent_id::text ELSE '' END, d.kind, "
              "(SELECT string_agg(concat_ws(',', coalesce(l->>'from_account_id', ''), "
              "coalesce(l->>'to_account_id', ''), l->>'amount_cents'), ';') FROM jsonb_array_elements(legs_of(t)) l)), "
              "E'\\n') FROM accepted t JOIN decisions d ON d.lane = t.lane AND d.seq = t.seq"))
        transactions[fields.at(0)] = fields;
    // One order that the order of every lane is part of: what is next in all its lanes comes next.
    std::map<std::string, std::deque<std::string>> lanes;
    std::map<std::string, std::map<std::string, std::size_t>> places;  // of each transaction, by lane
    for (const auto& fields : rows("SELECT string_agg(concat_ws('|', lane, transaction_id), E'\\n' ORDER BY lane, seq) "
                                   "FROM lane_places")) {
        lanes[fields.at(0)].push_back(fields.at(1));
        ++places[fields.at(1)][fields.at(0)];
    }
    const auto is_next = [&](const std::string& id) {
        return std::ranges::all_of(places[id], [&](const auto& at) {
            const auto& lane = lanes[at.first];
            return lane.size() >= at.second && std::ranges::all_of(lane | std::views::take(at.second),
                                                                   [&](const auto& each) { return each == id; });
        });
    };
    std::vector<std::string> order;
    while (order.size() < transactions.size()) {
        const std::size_t before = order.size();
        for (auto& [name, lane] : lanes)
            while (!lane.empty() && is_next(lane.front())) {
                order.push_back(lane.front());
                for (const auto& [at, count] : places[order.back()])
                    lanes[at].erase(lanes[at].begin(), lanes[at].begin() + static_cast<std::ptrdiff_t>(count));
            }
        ASSERT_GT(order.size(), before) << "two lanes disagree about an order";
    }
    Model model;
    std::size_t processed = 0, refused = 0;
    for (const std::string& id : order) {
        const auto& fields = transactions.at(id);
        std::vector<Model::Move> moves;
        std::istringstream legs(fields.at(4));
        for (std::string each; std::getline(legs, each, ';');) {
            const auto comma = each.find(','), second = each.find(',', comma + 1);
            moves.push_back({each.substr(0, comma), each.substr(comma + 1, second - comma - 1),
                             std::stoll(each.substr(second + 1))});
        }
        const bool taken = model.take(fields.at(0), moves, fields.at(1), fields.at(2));
        EXPECT_EQ(fields.at(3), taken ? "POSTED" : "REFUSED") << fields.at(0);
        ++(taken ? processed : refused);
    }
    for (const std::string& account : accounts)
        EXPECT_EQ(balance(account), std::to_string(model.balances[account])) << account;
    EXPECT_GT(processed, 100u);
    EXPECT_GT(refused, 20u);
}

}  // namespace
}  // namespace ledgerline::test
