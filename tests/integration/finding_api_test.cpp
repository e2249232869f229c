// Lists of transactions by any filters, against what is there: no row is missing, twice, or one that was not asked for,
// however the pages are cut.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "lab/api_server.h"

namespace ledgerline {
namespace {

using test::Answer;

class Finding : public testing::Test {
protected:
    // All rows of a list, over all its pages. Pages may be short or empty.
    json::Array all(const std::string& filters, int limit = 1000, const std::string& name = "transactions") const {
        json::Array found;
        std::string cursor;
        while (true) {
            const Answer page = server_.get(fmt::format("/v1/{}?limit={}{}{}", name, limit, filters, cursor));
            EXPECT_EQ(page.status, 200) << filters << json::serialize(page.body);
            if (page.status != 200) return found;
            const json::Array& rows = *page.body.find(name)->if_array();
            EXPECT_LE(rows.size(), static_cast<std::size_t>(limit));
            found.insert(found.end(), rows.begin(), rows.end());
            EXPECT_EQ(page.at("has_more"), page.at("next_cursor") == "null" ? "false" : "true");
            if (page.at("next_cursor") == "null") return found;
            cursor = "&cursor=" + page.at("next_cursor");
        }
    }
    static std::string text(const json::Value& row, std::string_view name) {
        const json::Value* value = row.find(name);
        return value && value->if_string() ? *value->if_string() : "";
    }
    static std::vector<std::string> ids(const json::Array& rows) {
        std::vector<std::string> out;
        for (const json::Value& row : rows) out.push_back(text(row, "id"));
        return out;
    }
    // Accepts many transactions of this type, from seq 1 on in the account's lane; the fifth is a DEBIT.
    void accept(const std::string& account, int count, const char* type) const {
        server_.database().run(fmt::format(R"(
            INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type,
                                  idempotency_key, reference, lane, seq, event_id, created_at, terms)
            SELECT ('00000000-' || lpad(to_hex(t / 65536), 4, '0') || '-7000-8000-' || lpad(to_hex(t), 12, '0'))::uuid,
                   '{0}', 1, 1, 1, 1, 'EUR', CASE t WHEN 5 THEN 'DEBIT' ELSE '{2}' END, t::text,
                   CASE WHEN t > 10 THEN 'often' END, lane_of('{0}'), t, gen_random_uuid(),
                   now() + t * interval '1 ms', '{{"expires_in_s": 60}}'
            FROM generate_series(1, {1}) t)",
                                           account, count, type));
    }
    void expect_refused(const std::string& query, const std::string& field, const std::string& code) const {
        const Answer refused = server_.get("/v1/transactions?" + query);
        EXPECT_EQ(refused.status, code == "account_not_found" ? 404 : 400) << query;
        EXPECT_EQ(refused.code(), code) << query;
        EXPECT_EQ(refused.at("field"), field) << query;
    }

    test::ApiServer server_;
};

// What a list is asked for, as parameters and as a predicate.
struct Asked {
    std::string parameters;
    std::vector<std::function<bool(const json::Value&)>> rules;

    bool operator()(const json::Value& row) const {
        return std::ranges::all_of(rules, [&](const auto& rule) { return rule(row); });
    }
};

// Transactions of all kinds, on accounts of two currencies, in every state.
class FindingInAMix : public Finding {
protected:
    FindingInAMix() {
        for (int i = 0; i < 4; ++i)
            accounts_.push_back(
                server_.account(fmt::format(R"("currency":"{}","reference":"account {}")", i < 3 ? "EUR" : "JPY", i)));
        for (int i = 0; i < 60; ++i) post(i);
        rows_ = all("");
    }

    std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }

    void post(int i) {
        const std::string more = below(2) ? fmt::format(R"(,"reference":"r{}")", below(3)) : "";
        const std::string key = fmt::format("k{}", i);
        const std::size_t account = below(4);
        std::string id;
        if (account < 3 && below(3) == 0) {
            id = server_
                     .post("/v1/transfers",
                           fmt::format(
                               R"({{"idempotency_key":"{}","legs":[{{"from_account_id":"{}","to_account_id":"{}",)"
                               R"("amount_cents":1,"currency":"EUR"}}]{}}})",
                               key, accounts_[account], accounts_[(account + 1) % 3], more))
                     .at("id");
        } else if (account < 3 && below(5) == 0) {
            id = server_
                     .post("/v1/holds", fmt::format(R"({{"idempotency_key":"{}","account_id":"{}","amount_cents":1,)"
                                                    R"("currency":"EUR"{}}})",
                                                    key, accounts_[account], more))
                     .at("id");
        } else {
            id = server_
                     .post("/v1/transactions",
                           fmt::format(R"({{"idempotency_key":"{}","account_id":"{}","amount_cents":1,)"
                                       R"("currency":"{}","type":"{}"{}}})",
                                       key, accounts_[account], account < 3 ? "EUR" : "JPY",
                                       below(2) ? "CREDIT" : "DEBIT", more))
                     .at("id");
        }
        posted_.push_back(id);
    }

    // Decides all places of a transaction, as the worker would when they are next in their lanes.
    void settle(const std::string& id, std::size_t fate) {
        const std::string places =
            server_.database().value(fmt::format("SELECT count(*) FROM lane_places WHERE transaction_id = '{}'", id));
        if (fate == 2 && places == "1") return letters_.push_back(server_.park(id));
        server_.database().run(fmt::format(
            "INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, "
            "floor_cents, processed_at, kind, failure_code) "
            "SELECT lane, seq, transaction_id, account_id, net_cents, 0, -1000000, now(), {} "
            "FROM lane_places WHERE transaction_id = '{}'",
            fate == 1 ? "'REFUSED', 'insufficient_balance'" : "'POSTED', NULL", id));
    }
    void replay_or_discard() {
        if (letters_.empty()) return;
        const std::string letter = letters_.back();
        letters_.pop_back();
        server_.post(fmt::format("/v1/dead-letters/{}/{}", letter, below(2) ? "replay" : "discard"), "");
    }

    void ask(Asked& asked, const char* name, const char* member, const std::string& wanted) {
        asked.parameters += fmt::format("&{}={}", name, http::percent_encode(wanted));
        asked.rules.push_back([member, wanted](const json::Value& row) { return text(row, member) == wanted; });
    }
    Asked something() {
        Asked asked;
        if (below(3) == 0) ask(asked, "type", "type", std::array{"CREDIT", "DEBIT", "TRANSFER", "HOLD"}[below(4)]);
        if (below(4) == 0) ask(asked, "currency", "currency", std::array{"EUR", "JPY", "USD"}[below(3)]);
        if (below(3) == 0) ask(asked, "reference", "reference", fmt::format("r{}", below(4)));
        if (below(2) == 0)
            ask(asked, "status", "status", std::array{"PENDING", "PROCESSING", "PROCESSED", "FAILED"}[below(4)]);
        if (below(3) == 0) {
            const std::string moment = text(rows_[below(rows_.size())], "created_at");
            asked.parameters += "&created_after=" + moment;
            asked.rules.push_back([moment](const json::Value& row) { return text(row, "created_at") >= moment; });
        }
        if (below(3) == 0) {
            const std::string moment = text(rows_[below(rows_.size())], "created_at");
            if (asked.parameters.contains("created_after=") &&
                asked.parameters.substr(asked.parameters.find("created_after=") + 14) > moment)
                return asked;
            asked.parameters += "&created_before=" + moment;
            asked.rules.push_back([moment](const json::Value& row) { return text(row, "created_at") < moment; });
        }
        return asked;
    }

    std::mt19937 random_{7};
    std::vector<std::string> accounts_, posted_, letters_;
    json::Array rows_;
};

TEST_F(FindingInAMix, ByAnyFilters) {
    // The states: in each lane some are decided, some published, the rest wait.
    for (std::size_t i = 0; i < posted_.size() / 2; ++i) settle(posted_[i], below(3));
    for (int i = 0; i < 4; ++i) replay_or_discard();
    server_.database().run(
        "UPDATE lane_publish p SET published_seq = greatest(p.published_seq, (c.applied_seq + c.last_seq) / 2) "
        "FROM lane_cursors c WHERE c.lane = p.lane");
    rows_ = all("");
    ASSERT_EQ(rows_.size(), posted_.size());
    std::map<std::string, std::set<std::string>> of_account;
    for (const std::string& account : accounts_)
        for (const json::Value& row : rows_)
            if (json::serialize(row).contains(account)) of_account[account].insert(text(row, "id"));
    std::size_t found_ones = 0;
    for (int round = 0; round < 250; ++round) {
        Asked asked = something();
        if (below(2) == 0) {
            const std::size_t n = below(4);
            const std::set<std::string> members = of_account[accounts_[n]];
            asked.parameters += below(2) ? "&account_id=" + accounts_[n]
                                         : "&account_reference=" + http::percent_encode(fmt::format("account {}", n));
            asked.rules.push_back([members](const json::Value& row) { return members.contains(text(row, "id")); });
        }
        SCOPED_TRACE(asked.parameters);
        json::Array wanted;
        std::ranges::copy_if(rows_, std::back_inserter(wanted), asked);
        found_ones += wanted.size();
        EXPECT_THAT(ids(all(asked.parameters, 1 + static_cast<int>(below(5)))),
                    testing::UnorderedElementsAreArray(ids(wanted)));
    }
    EXPECT_GT(found_ones, 500u) << "the filters find something";
}

TEST_F(FindingInAMix, ByTheKeyOfAnAccountOrOfAny) {
    for (const json::Value& row : rows_) {
        const std::string key = "&idempotency_key=" + text(row, "idempotency_key");
        EXPECT_THAT(ids(all(key)), testing::ElementsAre(text(row, "id")));
        EXPECT_THAT(ids(all(key + "&account_id=" + text(row, "account_id"))), testing::ElementsAre(text(row, "id")));
        EXPECT_THAT(ids(all(key + "&status=FAILED")), testing::IsEmpty());
    }
    EXPECT_THAT(ids(all("&idempotency_key=nobody")), testing::IsEmpty());
}

TEST_F(FindingInAMix, NewestFirst) {
    for (const std::string& filters :
         {std::string(""), std::string("&type=CREDIT"), std::string("&created_after=2020-01-01T00:00:00Z"),
          "&account_id=" + accounts_[0], std::string("&status=PENDING"), std::string("&reference=r1")}) {
        std::vector<std::string> times;
        for (const json::Value& row : all(filters, 3)) times.push_back(text(row, "created_at"));
        EXPECT_GT(times.size(), 2u) << filters;
        EXPECT_TRUE(std::ranges::is_sorted(times, std::ranges::greater())) << filters;
    }
}

// More rows than one page looks at.
TEST_F(Finding, TheRareOneAmongMany) {
    const std::string account = server_.account(), other = server_.account();
    accept(account, 13'000, "CREDIT");
    const std::string rare = server_.database().value("SELECT id FROM accepted WHERE type = 'DEBIT'");
    for (const std::string& more :
         {std::string(""), std::string("&created_after=2020-01-01T00:00:00Z"), std::string("&status=PENDING"),
          "&account_id=" + account, "&status=PENDING&account_id=" + account})
        EXPECT_THAT(ids(all("&type=DEBIT" + more)), testing::ElementsAre(rare)) << more;
    EXPECT_EQ(all("&status=PENDING", 700).size(), 13000u);
    EXPECT_EQ(all("&status=PENDING&account_id=" + account).size(), 13000u);
    EXPECT_EQ(all("&account_id=" + account).size(), 13000u);
    EXPECT_EQ(all("&reference=often").size(), 12990u);
    EXPECT_EQ(all("&created_before=2100-01-01T00:00:00Z").size(), 13000u);
    EXPECT_TRUE(all("&account_id=" + other).empty());
    EXPECT_TRUE(all("&reference=often&currency=USD").empty());
}

TEST_F(Finding, TheRareOneAmongManyRefused) {
    const std::string account = server_.account();
    accept(account, 7'000, "CREDIT");
    server_.database().run(
        "INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents, "
        "processed_at, kind, failure_code) SELECT lane, seq, id, account_id, 1, 0, 0, now(), 'REFUSED', "
        "'insufficient_balance' FROM accepted");
    const std::string rare = server_.database().value("SELECT id FROM accepted WHERE type = 'DEBIT'");
    for (const std::string& more : {std::string(""), "&account_id=" + account}) {
        EXPECT_EQ(all("&status=FAILED" + more, 700).size(), 7000u) << more;
        EXPECT_THAT(ids(all("&status=FAILED&type=DEBIT" + more)), testing::ElementsAre(rare)) << more;
        EXPECT_TRUE(all("&status=PROCESSED" + more).empty()) << more;
    }
}

TEST_F(Finding, HoldsOfARareState) {
    const std::string account = server_.account();
    accept(account, 5'000, "HOLD");
    const std::string first = server_.database().value("SELECT id FROM accepted WHERE seq = 1");
    server_.apply(first);
    server_.database().run(fmt::format("INSERT INTO hold_steps VALUES ('{0}', 1, '{0}', 1, 0, 0, 'OPEN')", first));
    for (const std::string& more : {std::string(""), "&account_id=" + account}) {
        EXPECT_THAT(ids(all("&state=OPEN" + more, 1000, "holds")), testing::ElementsAre(first)) << more;
        EXPECT_EQ(all("&state=PENDING" + more, 700, "holds").size(), 4998u) << more << ": one is a debit";
        EXPECT_EQ(all(more, 1000, "holds").size(), 4999u) << more;
        EXPECT_TRUE(all("&state=CAPTURED" + more, 1000, "holds").empty()) << more;
    }
}

TEST_F(Finding, RefusesWhatCannotBeMeant) {
    const std::string account = server_.account();
    expect_refused("type=PAYMENT", "type", "invalid_parameter");
    expect_refused("currency=eur", "currency", "invalid_parameter");
    expect_refused("currency=ABC", "currency", "invalid_parameter");
    expect_refused("currency=", "currency", "invalid_parameter");
    expect_refused("reference=", "reference", "invalid_parameter");
    expect_refused("reference=" + std::string(65, 'x'), "reference", "invalid_parameter");
    expect_refused("idempotency_key=" + std::string(256, 'x'), "idempotency_key", "invalid_parameter");
    expect_refused("created_after=yesterday", "created_after", "invalid_parameter");
    expect_refused("created_before=2026-02-30T00:00:00Z", "created_before", "invalid_parameter");
    expect_refused("created_after=2026-01-02T00:00:00Z&created_before=2026-01-01T00:00:00Z", "created_after",
                   "invalid_parameter");
    expect_refused("account_id=" + account + "&account_reference=x", "account_reference", "invalid_parameter");
    expect_refused("account_reference=nobody", "account_reference", "account_not_found");
    expect_refused("metadata.tier=1", "metadata.tier", "unknown_parameter");
}

}  // namespace
}  // namespace ledgerline
