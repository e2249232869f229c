// On a million rows, and on fewer that are badly spread: no list, status or account filter reads a whole table, neither
// in the API's statements nor in plain SELECTs on the views. Plans are executed, and every row that a scan of the big
// tables touched is counted.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "base/json.h"
#include "sql/queries.h"
#include "support/test_database.h"

namespace ledgerline {
namespace {

struct Layout {
    const char* name;
    int transactions;
    const char* account;  // the number of the account, 0 to 999, of transaction t

    friend void PrintTo(const Layout& layout, std::ostream* out) { *out << layout.name; }
};
constexpr Layout kLayouts[] = {
    {"Even", 1'000'000, "t % 1000"},
    // Nearly everything belongs to one account, and so to one lane: the planner's idea of a lane is far off.
    {"Skewed", 300'000, "CASE WHEN t % 100 < 99 THEN 0 ELSE t / 100 % 1000 END"},
};
// In each of the 12 lanes: so many are published and not applied, and as many again not even published.
constexpr int kWaitingPerStage = 40;
// What one query may touch of the big tables: all that waits, one account's rows or one page's, and their parts.
constexpr double kRowsMax = 12'000;

const std::set<std::string> kBigTables{"accepted", "outcomes"};

// One transaction in a thousand has failed.
std::string load(const Layout& layout) {
    return fmt::format(R"(
SET session_replication_role = replica;
INSERT INTO accounts (id, currency, lane, status, created_at, updated_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(a), 12, '0'))::uuid, 'EUR', a % 12,
       CASE WHEN a % 100 = 0 THEN 'SUSPENDED' ELSE 'ACTIVE' END, now(), now()
FROM generate_series(0, 999) a;
INSERT INTO accepted (id, account_id, amount_cents, currency, type, idempotency_key, lane, seq, event_id, created_at)
SELECT (lpad(to_hex(t), 8, '0') || '-0000-7000-8000-000000000000')::uuid,
       ('00000000-0000-7000-8000-' || lpad(to_hex(account), 12, '0'))::uuid,
       100, 'EUR', 'CREDIT', t::text, account % 12,
       row_number() OVER (PARTITION BY account % 12 ORDER BY t), gen_random_uuid(), now()
FROM (SELECT t, {account} AS account FROM generate_series(0, {transactions} - 1) t) numbered;
UPDATE lane_intake i SET last_seq = s.seq FROM (SELECT lane, max(seq) AS seq FROM accepted GROUP BY lane) s
WHERE i.lane = s.lane;
UPDATE lane_publish p SET published_seq = greatest(last_seq - {waiting}, 0) FROM lane_intake i WHERE i.lane = p.lane;
UPDATE lane_apply a SET applied_seq = greatest(last_seq - 2 * {waiting}, 0) FROM lane_intake i WHERE i.lane = a.lane;
INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, "offset", payload,
                          payload_encoding, value_sha256, error_class, error_code, error_message, attempts,
                          first_failed_at, last_failed_at)
SELECT gen_random_uuid(), event_id, id, account_id, lane, seq, 'transactions', lane, seq, '', 'utf8', '', 'permanent',
       '22003', 'poison', 1, now(), now()
FROM accepted WHERE seq = 1000;
INSERT INTO outcomes (lane, seq, event_id, transaction_id, account_id, outcome, balance_after_cents, failure_code,
                      failure_reason, processed_at)
SELECT lane, seq, event_id, id, account_id, CASE WHEN seq % 1000 = 7 THEN 'FAILED' ELSE 'PROCESSED' END, 1,
       CASE WHEN seq % 1000 = 7 THEN 'insufficient_balance' END, NULL, now()
FROM accepted JOIN lane_apply USING (lane) WHERE seq <= applied_seq AND seq <> 1000;
SET session_replication_role = origin;
ANALYZE;
)",
                       fmt::arg("account", layout.account), fmt::arg("transactions", layout.transactions),
                       fmt::arg("waiting", kWaitingPerStage));
}

double number(const json::Value& node, std::string_view name) {
    const json::Value* value = node.find(name);
    return value ? std::stod(value->if_number()->text) : 0;
}

// What a plan did to the big tables.
struct Touched {
    double rows = 0;
    std::vector<std::string> seq_scans;
};

void add_touched(const json::Value& node, Touched& touched) {
    const json::Value* relation = node.find("Relation Name");
    if (relation && kBigTables.contains(*relation->if_string())) {
        const double rows = number(node, "Actual Rows") + number(node, "Rows Removed by Filter") +
                            number(node, "Rows Removed by Index Recheck");
        touched.rows += rows * number(node, "Actual Loops");
        const bool executed = number(node, "Actual Loops") > 0;
        if (executed && *node.find("Node Type")->if_string() == "Seq Scan")
            touched.seq_scans.push_back(*relation->if_string());
    }
    if (const json::Value* plans = node.find("Plans"))
        for (const json::Value& child : *plans->if_array()) add_touched(child, touched);
}

// One database a layout, loaded when its first test runs.
class LoadedDatabase {
public:
    explicit LoadedDatabase(const Layout& layout) : connection_(open()) {
        const auto loaded = connection_.run_script(load(layout));
        EXPECT_TRUE(loaded) << loaded.error().message;
    }
    const test::TestDatabase& database() const { return database_; }
    pg::Connection& connection() { return connection_; }

private:
    pg::Connection open() {
        auto config = database_.config();
        config.statement_timeout = std::chrono::minutes(5);
        auto opened = pg::Connection::open(config);
        EXPECT_TRUE(opened) << opened.error().message;
        return std::move(*opened);
    }

    test::TestDatabase database_;
    pg::Connection connection_;
};

class QueryPlans : public testing::TestWithParam<Layout> {
protected:
    void SetUp() override {
        auto& database = loaded_by_layout_[GetParam().name];
        if (!database) database = std::make_unique<LoadedDatabase>(GetParam());
        loaded_ = database.get();
    }
    static void TearDownTestSuite() { loaded_by_layout_.clear(); }

    static void expect_bounded(const std::string& query) {
        SCOPED_TRACE(query);
        // Prepared statements are remembered by name, for which the text must live on.
        static std::deque<std::string> texts;
        const std::string& name = texts.emplace_back(fmt::format("explain_{}", texts.size()));
        const std::string& sql = texts.emplace_back("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query);
        const auto rows = loaded_->connection().query({name, sql});
        ASSERT_TRUE(rows) << rows.error().message;
        const auto plan = json::parse(rows->text(0, 0));
        ASSERT_TRUE(plan) << plan.error().message;
        Touched touched;
        add_touched(*plan->if_array()->front().find("Plan"), touched);
        const bool bounded = touched.rows <= kRowsMax && touched.seq_scans.empty();
        EXPECT_TRUE(bounded) << touched.rows << " rows touched, sequential scans of ["
                             << fmt::format("{}", fmt::join(touched.seq_scans, ", ")) << "]\n"
                             << rows->text(0, 0);
    }

    // As a session runs it: with a plan for these parameters, and with one for any.
    static void expect_bounded(const pg::Statement& statement, const std::string& arguments) {
        for (const char* mode : {"force_custom_plan", "force_generic_plan"}) {
            const std::string name(statement.name);
            const auto prepared = loaded_->connection().run_script(
                fmt::format("DEALLOCATE ALL; SET plan_cache_mode = {}; PREPARE {} AS {}", mode, name, statement.sql));
            ASSERT_TRUE(prepared) << name << ": " << prepared.error().message;
            SCOPED_TRACE(mode);
            expect_bounded(fmt::format("EXECUTE {}{}", name, arguments.empty() ? "" : "(" + arguments + ")"));
        }
        ASSERT_TRUE(loaded_->connection().run_script("SET plan_cache_mode = auto"));
    }

    // What a query gives, as an array for EXECUTE, which takes no subqueries.
    static std::string array(const std::string& query, const std::string& type) {
        return fmt::format("'{}'::{}[]", loaded_->database().value(fmt::format("SELECT ARRAY({})", query)), type);
    }

    static inline std::map<std::string, std::unique_ptr<LoadedDatabase>> loaded_by_layout_;
    static inline LoadedDatabase* loaded_ = nullptr;  // of this test's layout
};
INSTANTIATE_TEST_SUITE_P(Layouts, QueryPlans, testing::ValuesIn(kLayouts),
                         [](const auto& layout) { return layout.param.name; });

constexpr const char* kAccount = "'00000000-0000-7000-8000-00000000002a'";
constexpr const char* kTransaction = "'00001388-0000-7000-8000-000000000000'";

TEST_P(QueryPlans, OfTheTransactionLists) {
    const std::string last = "'ffffffff-ffff-ffff-ffff-ffffffffffff', 1001, 1048576";
    const std::string middle = "'0007a120-0000-0000-0000-000000000000', 1001, 1048576";
    for (const std::string& page : {last, middle}) {
        for (const auto& statement :
             {sql::api_transactions_page, sql::api_transactions_processed, sql::api_transactions_failed,
              sql::api_transactions_pending, sql::api_transactions_processing})
            expect_bounded(statement, page);
        for (const auto& statement : {sql::api_account_transactions_page, sql::api_account_transactions_processed,
                                      sql::api_account_transactions_failed, sql::api_account_transactions_pending,
                                      sql::api_account_transactions_processing})
            expect_bounded(statement, page + ", " + kAccount);
    }
}

TEST_P(QueryPlans, OfTheLookUps) {
    expect_bounded(sql::api_transactions_by_id, fmt::format("ARRAY[{}]::uuid[]", kTransaction));
    expect_bounded(sql::api_transactions_by_id,
                   array("SELECT id FROM accepted WHERE lane = 0 AND seq BETWEEN 50000 AND 50999", "uuid"));
    expect_bounded(sql::api_entries_page, fmt::format("{}, 9223372036854775807, 1001", kAccount));
    const std::string id = loaded_->database().value("SELECT id FROM dead_letters LIMIT 1");
    expect_bounded(sql::api_lock_lane_of_dead_letter, fmt::format("'{}'", id));
    expect_bounded(sql::api_lanes, "");
}

TEST_P(QueryPlans, OfIntake) {
    const std::string accounts = array("SELECT id FROM accounts ORDER BY id LIMIT 500", "uuid");
    const auto column = [](const char* value, const char* type) {
        return fmt::format("array_fill({}::{}, ARRAY[500])", value, type);
    };
    const std::string waits_for_all = ", false, '{}'", waits_for_some = ", false, '{3,7}'";
    expect_bounded(sql::intake_lock_lanes, accounts + waits_for_all);
    expect_bounded(sql::intake_lock_lanes, accounts + waits_for_some);
    expect_bounded(sql::intake_lock_free_lanes, accounts + waits_for_some);
    expect_bounded(sql::intake_read_batch,
                   fmt::format("{}, {}, {}, {}, {}, {}", accounts, column("100", "bigint"), column("'EUR'", "text"),
                               column("'CREDIT'", "text"), array("SELECT generate_series(0, 499)", "text"),
                               column("NULL", "jsonb")));
}

TEST_P(QueryPlans, OfPlainSelectsOnTheTransactions) {
    for (const std::string& filter :
         {fmt::format("id = {}", kTransaction), fmt::format("account_id = {}", kAccount),
          fmt::format("account_id = {} AND status = 'PENDING'", kAccount),
          fmt::format("account_id = {} AND status = 'PROCESSING'", kAccount),
          fmt::format("account_id = {} AND status = 'PROCESSED'", kAccount),
          fmt::format("account_id = {} AND status = 'FAILED'", kAccount),
          fmt::format("account_id = {} AND idempotency_key = '42'", kAccount), std::string("status = 'PENDING'"),
          std::string("status = 'PROCESSING'"), std::string("status = 'FAILED'"),
          std::string("status IN ('PENDING', 'PROCESSING')")}) {
        expect_bounded("SELECT * FROM transactions WHERE " + filter);
        expect_bounded("SELECT count(*) FROM transactions WHERE " + filter);
        expect_bounded("SELECT * FROM transactions WHERE " + filter + " ORDER BY id DESC LIMIT 50");
    }
    expect_bounded("SELECT * FROM transactions ORDER BY id DESC LIMIT 50");
    expect_bounded("SELECT * FROM transactions WHERE status = 'PROCESSED' ORDER BY id DESC LIMIT 50");
    expect_bounded("SELECT * FROM transactions WHERE status = 'PROCESSED' LIMIT 50");
}

TEST_P(QueryPlans, OfPlainSelectsOnTheOtherViews) {
    expect_bounded("SELECT * FROM outbox_events WHERE status = 'PENDING'");
    expect_bounded(fmt::format("SELECT * FROM outbox_events WHERE aggregate_id = {}", kTransaction));
    expect_bounded(fmt::format("SELECT * FROM processed_events WHERE transaction_id = {}", kTransaction));
    expect_bounded(
        fmt::format("SELECT * FROM transaction_states WHERE account_id = {} ORDER BY id DESC LIMIT 50", kAccount));
}

// That the counting would notice: these do read everything.
TEST_P(QueryPlans, AWholeScanIsSeen) {
    for (const char* query :
         {"SELECT count(metadata) FROM accepted", "SELECT count(*) FROM outcomes WHERE seq % 2 = 0"}) {
        const auto rows = loaded_->connection().query(
            {query, *new std::string(fmt::format("EXPLAIN (ANALYZE, FORMAT JSON) {}", query))});
        ASSERT_TRUE(rows) << rows.error().message;
        Touched touched;
        add_touched(*json::parse(rows->text(0, 0))->if_array()->front().find("Plan"), touched);
        EXPECT_GT(touched.rows, kRowsMax);
    }
}

}  // namespace
}  // namespace ledgerline
