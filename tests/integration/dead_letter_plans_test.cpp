// On a hundred thousand dead letters, nearly all of one kind: no filter for rare ones reads them all, and neither does
// the publisher's feed. Plans are executed, and every letter that a scan touched is counted.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>

#include "base/json.h"
#include "lab/test_database.h"
#include "sql/queries.h"

namespace ledgerline {
namespace {

constexpr int kLetters = 100'000;
constexpr double kRowsMax = 2'500;
constexpr const char* kRareAccount = "00000000-0000-7000-8000-00000000000a";

// Letter n failed n seconds after 2026-01-01. The first fifty, and so the last ones of the newest first, are rare ones.
std::string load() {
    return fmt::format(R"(
SET session_replication_role = replica;
INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, "offset", payload,
                          payload_encoding, value_sha256, error_class, error_code, error_message, attempts,
                          first_failed_at, last_failed_at, state, decided_at, decided_by, announced_at)
SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
       CASE WHEN n < 50 THEN '{}'::uuid ELSE '00000000-0000-7000-8000-00000000000b'::uuid END,
       CASE WHEN n < 50 THEN 3 ELSE 4 END, n + 1, 'transactions', 4, n, '{{}}', 'utf8', '',
       CASE WHEN n < 50 THEN 'unknown' ELSE 'permanent' END, CASE WHEN n < 50 THEN 'XY000' ELSE '23514' END, '', 1,
       '2026-01-01'::timestamptz + n * interval '1 s', '2026-01-01'::timestamptz + n * interval '1 s',
       CASE WHEN n < 50 THEN 'PARKED' ELSE 'DISCARDED' END, CASE WHEN n < 50 THEN NULL ELSE now() END, NULL,
       CASE WHEN n < 50 THEN NULL ELSE now() END
FROM generate_series(0, {} - 1) n;
SET session_replication_role = origin;
UPDATE lane_publish SET owner = 'me';
ANALYZE;
)",
                       kRareAccount, kLetters);
}

double number(const json::Value& node, std::string_view name) {
    const json::Value* value = node.find(name);
    return value ? std::stod(value->if_number()->text) : 0;
}

double letters_touched(const json::Value& node) {
    double touched = 0;
    const json::Value* relation = node.find("Relation Name");
    if (relation && *relation->if_string() == "dead_letters")
        touched = (number(node, "Actual Rows") + number(node, "Rows Removed by Filter") +
                   number(node, "Rows Removed by Index Recheck")) *
                  number(node, "Actual Loops");
    if (const json::Value* plans = node.find("Plans"))
        for (const json::Value& child : *plans->if_array()) touched += letters_touched(child);
    return touched;
}

class LetterPlans : public testing::Test {
protected:
    static void SetUpTestSuite() { database_ = std::make_unique<test::TestDatabase>(); }
    static void TearDownTestSuite() { database_.reset(); }

    // As a session runs it that has run SET LOCAL plan_cache_mode = force_custom_plan.
    double touched(const db::Statement& statement, const std::string& arguments) {
        static std::deque<std::string> texts;
        const std::string name(statement.name);
        const auto prepared = connection_.run_script(fmt::format(
            "DEALLOCATE ALL; SET plan_cache_mode = force_custom_plan; PREPARE {} AS {}", name, statement.sql));
        EXPECT_TRUE(prepared) << name << ": " << prepared.error().message;
        const std::string& id = texts.emplace_back(fmt::format("explain_{}", texts.size()));
        const std::string& sql =
            texts.emplace_back(fmt::format("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE {}{}", name,
                                           arguments.empty() ? "" : "(" + arguments + ")"));
        const auto rows = connection_.query({id, sql});
        EXPECT_TRUE(rows) << rows.error().message;
        plan_ = rows->text(0, 0);
        return letters_touched(*json::parse(plan_)->if_array()->front().find("Plan"));
    }

    static inline std::unique_ptr<test::TestDatabase> database_;
    db::Connection connection_ = database_->connect();
    std::string plan_;
};

class DeadLetterPlans : public LetterPlans {
protected:
    static void SetUpTestSuite() {
        LetterPlans::SetUpTestSuite();
        database_->run(load());
    }
};

// None of them was announced or decided, and nearly all are those of another publisher's lane.
class PiledLetterPlans : public LetterPlans {
protected:
    static void SetUpTestSuite() {
        LetterPlans::SetUpTestSuite();
        database_->run(load());
        database_->run(
            "UPDATE dead_letters SET state = 'PARKED', decided_at = NULL, announced_at = NULL WHERE lane = 4; "
            "UPDATE lane_publish SET owner = 'other' WHERE lane = 4");
        database_->run("VACUUM ANALYZE dead_letters");
    }
};

TEST_F(DeadLetterPlans, ListsAndSummariesReadWhatTheySelect) {
    const std::string account = fmt::format("'{}'", kRareAccount);
    const std::string filters[] = {
        "'PARKED', NULL, NULL, NULL, NULL, NULL, NULL",
        "NULL, 'unknown', NULL, NULL, NULL, NULL, NULL",
        "NULL, NULL, 'XY000', NULL, NULL, NULL, NULL",
        "NULL, NULL, 'none', NULL, NULL, NULL, NULL",
        fmt::format("NULL, NULL, NULL, {}, NULL, NULL, NULL", account),
        "NULL, NULL, NULL, NULL, 3, NULL, NULL",
        "NULL, NULL, NULL, NULL, 7, NULL, NULL",
        "NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-01T00:05:00Z'",
        "NULL, NULL, NULL, NULL, NULL, '2026-01-02T03:40:00Z', NULL",
        fmt::format("'PARKED', 'unknown', 'XY000', {}, 3, '2025-01-01T00:00:00Z', '2027-01-01T00:00:00Z'", account),
    };
    for (const std::string& filter : filters) {
        SCOPED_TRACE(filter);
        for (const auto& statement :
             {sql::LettersDeadLettersNewest::statement, sql::LettersDeadLettersOldest::statement})
            EXPECT_LE(touched(statement, "NULL, 1001, 1048576, " + filter + ", 0"), kRowsMax) << plan_;
        for (const auto& statement :
             {sql::LettersDeadLettersGroups::statement, sql::LettersDeadLettersAmounts::statement})
            EXPECT_LE(touched(statement, filter + ", 0"), kRowsMax) << plan_;
    }
}

TEST_F(DeadLetterPlans, PagesInTheMiddleReadOnePage) {
    const std::string none = ", 1001, 1048576, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0";
    const std::string middle =
        database_->value(fmt::format("SELECT id FROM dead_letters WHERE \"offset\" = {}", kLetters / 2));
    for (const auto& statement : {sql::LettersDeadLettersNewest::statement, sql::LettersDeadLettersOldest::statement}) {
        EXPECT_LE(touched(statement, "NULL" + none), kRowsMax) << plan_;
        EXPECT_LE(touched(statement, "'" + middle + "'" + none), kRowsMax) << plan_;
    }
}

TEST_F(DeadLetterPlans, TheFeedReadsWhatIsNotAnnounced) {
    EXPECT_LE(touched(sql::LettersUnannouncedLetters::statement,
                      "'me', '00000000-0000-0000-0000-000000000000', 25, 1000, 4194304"),
              kRowsMax)
        << plan_;
    EXPECT_LE(touched(sql::LettersCountUnannounced::statement, ""), kRowsMax) << plan_;
}

TEST_F(PiledLetterPlans, WhatIsReadAllTheTimeDoesNotGrowWithThem) {
    for (const char* owner : {"me", "other"})
        EXPECT_LE(touched(sql::LettersUnannouncedLetters::statement,
                          fmt::format("'{}', '00000000-0000-0000-0000-000000000000', 25, 1000, 4194304", owner)),
                  kRowsMax)
            << plan_;
    EXPECT_LE(touched(sql::LettersCountUnannounced::statement, ""), 10'000) << plan_;
    EXPECT_LE(touched(sql::PublishBacklog::statement, ""), 10'000) << plan_;
}

// All of them belong to the default tenant.
TEST_F(DeadLetterPlans, AnotherTenantReadsNoneOfThem) {
    for (const char* filter :
         {"NULL, NULL, NULL, NULL, NULL, NULL, NULL", "'PARKED', NULL, NULL, NULL, NULL, NULL, NULL",
          "NULL, 'permanent', NULL, NULL, NULL, NULL, NULL", "NULL, NULL, '23514', NULL, NULL, NULL, NULL"}) {
        for (const auto& statement :
             {sql::LettersDeadLettersNewest::statement, sql::LettersDeadLettersOldest::statement})
            EXPECT_LE(touched(statement, fmt::format("NULL, 1001, 1048576, {}, 2", filter)), 100) << plan_;
        EXPECT_LE(touched(sql::LettersDeadLettersGroups::statement, fmt::format("{}, 2", filter)), 100) << plan_;
    }
}

// That the counting would notice.
TEST_F(DeadLetterPlans, AWholeScanIsSeen) {
    EXPECT_GT(touched(sql::LettersDeadLettersGroups::statement, "NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0"),
              kRowsMax);
}

}  // namespace
}  // namespace ledgerline
