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
#include "domain/legs.h"
#include "lab/test_database.h"
#include "sql/queries.h"

namespace ledgerline {
namespace {

struct Layout {
    const char* name;
    int transactions;
    const char* account;  // the number of the account, 0 to 999, of transaction t
    // In each of the 48 lanes: so many are published and not applied, and as many again not even published.
    int waiting = 40;
    const char* tenant = "0";  // of account a
    int asked = 0;             // the tenant that asks

    friend void PrintTo(const Layout& layout, std::ostream* out) { *out << layout.name; }
};
constexpr Layout kLayouts[] = {
    {"Even", 1'000'000, "t % 1000"},
    // Nearly everything belongs to one account, and so to one lane: the planner's idea of a lane is far off.
    {"Skewed", 300'000, "CASE WHEN t % 100 < 99 THEN 0 ELSE t / 100 % 1000 END"},
};
// Most of it waits. For the lists alone: what operators ask of the views may read all that waits.
constexpr Layout kBacklog = {"Backlog", 300'000, "t % 1000", 2'500};
// The oldest 900 transactions are those of a small tenant; all later ones, and nearly all accounts, those of a large
// one.
constexpr Layout kShared = {
    "Shared", 300'000, "CASE WHEN t < 900 THEN t % 3 ELSE 3 + t % 997 END", 40, "CASE WHEN a < 3 THEN 2 ELSE 1 END", 2};
// The same asked by the default tenant, which has nothing.
constexpr Layout kOthers = {"Others", 300'000, "t % 1000", 40, "1"};
// What one query may touch of the big tables: all that waits, one account's rows or one page's, and their parts.
constexpr double kRowsMax = 12'000;

const std::set<std::string> kBigTables{"accepted", "decisions", "account_changes", "audit"};

// One transaction in a thousand has failed.
std::string load(const Layout& layout) {
    return fmt::format(R"(
SET session_replication_role = replica;
INSERT INTO account_settings (id, currency, lane, status, tenant, created_at, updated_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(a), 12, '0'))::uuid, 'EUR', a % 48,
       CASE WHEN a % 100 = 0 THEN 'SUSPENDED' ELSE 'ACTIVE' END, {tenant}, now(), now()
FROM generate_series(0, 999) a;
INSERT INTO accepted (id, account_id, amount_cents, net_cents, places, schema_version, currency, type, idempotency_key,
                      reference, lane, seq, event_id, created_at, terms, tenant)
SELECT (lpad(to_hex(t), 8, '0') || '-0000-7000-8000-000000000000')::uuid,
       ('00000000-0000-7000-8000-' || lpad(to_hex(account), 12, '0'))::uuid,
       100, 100, 1, 1, 'EUR', CASE WHEN t % 10 = 1 THEN 'HOLD' ELSE 'CREDIT' END, t::text,
       CASE WHEN t % 10 = 0 THEN 'often' END, account % 48,
       row_number() OVER (PARTITION BY account % 48 ORDER BY t), gen_random_uuid(),
       timestamptz '2026-01-01 00:00:00+00' + t * interval '1 ms',
       CASE WHEN t % 10 = 1 THEN jsonb_build_object('expires_in_s', 60) END,
       (SELECT {tenant} FROM (SELECT account) AS one (a))
FROM (SELECT t, {account} AS account FROM generate_series(0, {transactions} - 1) t) numbered;
INSERT INTO account_changes (account_id, number, lane, applied_seq, nth, before, after, changed_at, changed_by, request_id)
SELECT id, n, lane, 20 * n, row_number() OVER (PARTITION BY lane, n ORDER BY id), '{{"status": "ACTIVE"}}', '{{}}',
       timestamptz '2026-01-01 00:00:00+00', 'api', ''
FROM account_settings CROSS JOIN generate_series(1, 100) n;
INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, "offset", payload,
                          payload_encoding, value_sha256, error_class, error_code, error_message, attempts,
                          first_failed_at, last_failed_at, tenant)
SELECT gen_random_uuid(), event_id, id, account_id, lane, seq, 'transactions', lane, seq, '', 'utf8', '', 'permanent',
       '22003', 'poison', 1, now(), now(), tenant
FROM accepted WHERE seq = 1000;
WITH last AS (SELECT lane, max(seq) AS seq FROM accepted GROUP BY lane)
INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents,
                       processed_at, kind, failure_code, dead_letter_id)
SELECT t.lane, t.seq, t.id, t.account_id, t.net_cents, 1, 0, t.created_at + interval '5 ms',
       CASE WHEN t.seq = 1000 THEN 'PARKED' WHEN t.seq % 1000 = 7 THEN 'REFUSED' ELSE 'POSTED' END,
       CASE WHEN t.seq % 1000 = 7 THEN 'insufficient_balance' END,
       (SELECT l.id FROM dead_letters l WHERE l.lane = t.lane AND l.seq = t.seq)
FROM accepted t JOIN last ON last.lane = t.lane WHERE t.seq <= last.seq - 2 * {waiting};
UPDATE lane_publish p SET published_seq = greatest(last_seq - {waiting}, 0) FROM lane_cursors c WHERE c.lane = p.lane;
INSERT INTO audit (chain, number, id, at, action, subject, key_id, peer, request_id, hash,
                   tenant)
SELECT t % 48, t / 48 + 1, (lpad(to_hex(t), 8, '0') || '-0000-7000-8000-000000000000')::uuid, now(), 'account_changed',
       'subject ' || t % 1000, 'key ' || CASE WHEN t % 1000 = 0 THEN 'rare' ELSE 'busy' END, '192.0.2.1', 'r', '',
       (SELECT {tenant} FROM (SELECT CASE WHEN t < 900 THEN 0 ELSE 500 END) AS one (a))
FROM generate_series(0, 99999) t;
SET session_replication_role = origin;
ANALYZE;
)",
                       fmt::arg("account", layout.account), fmt::arg("transactions", layout.transactions),
                       fmt::arg("waiting", layout.waiting), fmt::arg("tenant", layout.tenant));
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
    db::Connection& connection() { return connection_; }

private:
    db::Connection open() {
        auto config = database_.config();
        config.statement_timeout = std::chrono::minutes(5);
        auto opened = db::Connection::open(config);
        EXPECT_TRUE(opened) << opened.error().message;
        return std::move(*opened);
    }

    test::TestDatabase database_;
    db::Connection connection_;
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
    static void expect_bounded(const db::Statement& statement, const std::string& arguments,
                               std::initializer_list<const char*> modes = {"force_custom_plan", "force_generic_plan"}) {
        for (const char* mode : modes) {
            const std::string name(statement.name);
            const auto prepared = loaded_->connection().run_script(
                fmt::format("DEALLOCATE ALL; SET plan_cache_mode = {}; PREPARE {} AS {}", mode, name, statement.sql));
            ASSERT_TRUE(prepared) << name << ": " << prepared.error().message;
            SCOPED_TRACE(mode);
            expect_bounded(fmt::format("EXECUTE {}{}", name, arguments.empty() ? "" : "(" + arguments + ")"));
        }
        ASSERT_TRUE(loaded_->connection().run_script("SET plan_cache_mode = auto"));
    }

    // All lists of transactions that the API answers, and what belongs to them.
    static void lists_by_id();
    static void lists_by_place();
    static void account_lists();
    static void pages_and_statements();
    static void look_ups();
    static void audit_pages();
    static std::string asked() { return std::to_string(GetParam().asked); }

    // What a query gives, as an array for EXECUTE, which takes no subqueries.
    static std::string array(const std::string& query, const std::string& type) {
        return fmt::format("'{}'::{}[]", loaded_->database().value(fmt::format("SELECT ARRAY({})", query)), type);
    }

    static inline std::map<std::string, std::unique_ptr<LoadedDatabase>> loaded_by_layout_;
    static inline LoadedDatabase* loaded_ = nullptr;  // of this test's layout
};
// The same where most of it waits.
class BacklogPlans : public QueryPlans {};
// The same where nearly all of it belongs to others.
class TenantPlans : public QueryPlans {};
INSTANTIATE_TEST_SUITE_P(Layouts, TenantPlans, testing::Values(kShared, kOthers),
                         [](const auto& layout) { return layout.param.name; });
INSTANTIATE_TEST_SUITE_P(Layouts, BacklogPlans, testing::Values(kBacklog),
                         [](const auto& layout) { return layout.param.name; });
INSTANTIATE_TEST_SUITE_P(Layouts, QueryPlans, testing::ValuesIn(kLayouts),
                         [](const auto& layout) { return layout.param.name; });

// EXECUTE takes no subqueries.
const std::string kAllLanes = [] {
    std::string lanes = "'{0";
    for (int lane = 1; lane < lane_count; ++lane) lanes += fmt::format(",{}", lane);
    return lanes + "}'::integer[]";
}();
constexpr const char* kAccount = "'00000000-0000-7000-8000-00000000002a'";
constexpr const char* kHolder = "'00000000-0000-7000-8000-000000000029'";  // all its transactions are holds
constexpr const char* kBusiestAccount = "'00000000-0000-7000-8000-000000000000'";
constexpr const char* kTransaction = "'00001388-0000-7000-8000-000000000000'";

// The filters of a scan in its arguments' order.
constexpr const char* kNoFilters = "NULL, NULL, NULL, NULL, NULL, NULL";
constexpr const char* kRareFilters = "'DEBIT', NULL, NULL, NULL, NULL, NULL";  // nothing fits
constexpr const char* kTimes =
    "NULL, NULL, NULL, NULL, '2026-01-01 00:03:20+00'::timestamptz, '2026-01-01 00:04:10+00'::timestamptz";

void QueryPlans::lists_by_id() {
    const std::string_view scan_transactions = sql::ApiScanTransactions::statement.name;
    for (const char* before : {"'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'0007a120-0000-0000-0000-000000000000'"})
        for (const char* filters : {kNoFilters, kRareFilters})
            for (const auto& statement :
                 {sql::ApiScanTransactions::statement, sql::ApiScanHolds::statement, sql::ApiScanRefused::statement,
                  sql::ApiScanParked::statement, sql::ApiScanByReference::statement})
                expect_bounded(statement, fmt::format("{}, 3000, {}, {}{}", before, filters, asked(),
                                                      statement.name == scan_transactions ? ", 3000" : ""));
    for (const char* state : {"NULL", "'OPEN'", "'FAILED'"}) {
        const std::string scan = fmt::format("'ffffffff-ffff-ffff-ffff-ffffffffffff', 2000, {}", state);
        expect_bounded(sql::ApiScanHoldsByState::statement, fmt::format("{}, {}", scan, asked()));
        for (const char* account : {kHolder, kBusiestAccount})
            expect_bounded(sql::ApiScanAccountHolds::statement, fmt::format("{}, {}, {}", scan, account, asked()));
        expect_bounded(sql::ApiHoldsOfPage::statement,
                       array("SELECT id FROM accepted WHERE type = 'HOLD' ORDER BY id DESC LIMIT 2000", "uuid") +
                           fmt::format(", {}, 1001, 1048576, {}", state, asked()));
    }
    expect_bounded(sql::ApiScanByReference::statement, std::string("'ffffffff-ffff-ffff-ffff-ffffffffffff', ") +
                                                           "3000, NULL, NULL, 'often', NULL, NULL, NULL, " + asked());
}

void QueryPlans::lists_by_place() {
    for (const char* before : {"NULL", "2048003"})
        for (const char* filters : {kNoFilters, kRareFilters, kTimes}) {
            expect_bounded(sql::ApiScanCreated::statement, fmt::format("{}, 3000, {}, {}", before, filters, asked()));
            for (const char* status : {"PENDING", "PROCESSING"})
                expect_bounded(sql::ApiScanWaiting::statement,
                               fmt::format("{}, 3000, {}, '{}', {}", before, filters, status, asked()));
        }
}

void QueryPlans::account_lists() {
    const std::string newest = "9223372036854775807", middle = "3000";
    for (const char* account : {kAccount, kBusiestAccount})
        for (const std::string& before : {newest, middle})
            for (const char* filters : {kNoFilters, kRareFilters, kTimes}) {
                const std::string scan = fmt::format("{}, 3000, {}, {}", before, filters, account);
                expect_bounded(sql::ApiScanAccount::statement, scan + ", 10000, " + asked());
                expect_bounded(sql::ApiScanAccountPosted::statement, fmt::format("{}, {}", scan, asked()));
                expect_bounded(sql::ApiScanAccountRefused::statement, fmt::format("{}, {}", scan, asked()));
                for (const char* status : {"'PENDING'", "'PROCESSING'"})
                    expect_bounded(sql::ApiScanAccountWaiting::statement,
                                   fmt::format("{}, {}, {}", scan, status, asked()));
                expect_bounded(
                    sql::ApiScanAccountKey::statement,
                    fmt::format("{}, 3000, NULL, NULL, NULL, '42', NULL, NULL, {}, {}", before, account, asked()));
                expect_bounded(
                    sql::ApiScanAccountParked::statement,
                    fmt::format("'ffffffff-ffff-ffff-ffff-ffffffffffff', 3000, {}, {}, {}", filters, account, asked()));
            }
}

void QueryPlans::pages_and_statements() {
    expect_bounded(sql::ApiTransactionsOfPage::statement,
                   array("SELECT id FROM accepted WHERE lane = 0 AND seq BETWEEN 3000 AND 5999", "uuid") +
                       ", NULL, 1001, 1048576, " + asked());
    expect_bounded(sql::ApiTransactionsOfPage::statement,
                   array("SELECT id FROM accepted WHERE lane = 0 AND seq BETWEEN 3000 AND 5999", "uuid") +
                       ", 'PENDING', 1001, 1048576, " + asked());
    const std::string from = "'2026-01-01 00:03:20+00'::timestamptz", to = "'2026-01-01 00:04:10+00'::timestamptz";
    for (const char* account : {kAccount, kBusiestAccount}) {
        for (const std::string& period : {from + ", " + to, "NULL, " + to, from + ", NULL", std::string("NULL, NULL")})
            expect_bounded(sql::ApiStatementPeriod::statement, fmt::format("{}, {}, {}", account, period, asked()));
        for (const auto& statement : {sql::ApiEntriesNewest::statement, sql::ApiEntriesOldest::statement})
            expect_bounded(statement, fmt::format("{}, 0, 9223372036854775807, 1001, {}", account, asked()));
        for (const std::string& at : {from, std::string("NULL")})
            expect_bounded(sql::ApiBalanceAt::statement, fmt::format("{}, {}, {}", account, at, asked()));
    }
    expect_bounded(sql::ApiTrialBalance::statement, asked());
}

TEST_P(QueryPlans, OfTheListsById) { lists_by_id(); }
TEST_P(BacklogPlans, OfTheListsById) { lists_by_id(); }
TEST_P(QueryPlans, OfTheListsByPlace) { lists_by_place(); }
TEST_P(BacklogPlans, OfTheListsByPlace) { lists_by_place(); }
TEST_P(QueryPlans, OfAnAccountsLists) { account_lists(); }
TEST_P(BacklogPlans, OfAnAccountsLists) { account_lists(); }
TEST_P(QueryPlans, OfPagesAndStatements) { pages_and_statements(); }
TEST_P(BacklogPlans, OfPagesAndStatements) { pages_and_statements(); }
TEST_P(TenantPlans, OfTheListsById) { lists_by_id(); }
TEST_P(TenantPlans, OfTheListsByPlace) { lists_by_place(); }
TEST_P(TenantPlans, OfAnAccountsLists) { account_lists(); }
TEST_P(TenantPlans, OfPagesAndStatements) { pages_and_statements(); }
TEST_P(TenantPlans, OfTheLookUps) { look_ups(); }
TEST_P(TenantPlans, OfTheAudit) { audit_pages(); }
TEST_P(TenantPlans, OfTheFeed) {
    for (const char* behind : {"0", "applied_seq / 2", "applied_seq"}) {
        const std::string seqs = array(fmt::format("SELECT {} FROM lane_cursors ORDER BY lane", behind), "bigint");
        expect_bounded(
            sql::FeedReadTenant::statement,
            fmt::format("{}, {}, array_fill(0, ARRAY[48]), 1000, 1048576, {}, 200", kAllLanes, seqs, asked()));
    }
    expect_bounded(sql::FeedHasFewAccounts::statement, asked() + ", 200");
}

TEST_P(QueryPlans, OfTheLookUps) { look_ups(); }
TEST_P(QueryPlans, OfTheAudit) { audit_pages(); }

void QueryPlans::look_ups() {
    expect_bounded(sql::ApiTransactionsById::statement, fmt::format("ARRAY[{}]::uuid[], {}", kTransaction, asked()));
    expect_bounded(
        sql::ApiTransactionsById::statement,
        array("SELECT id FROM accepted WHERE lane = 0 AND seq BETWEEN 5000 AND 5999", "uuid") + ", " + asked());
    expect_bounded(sql::ApiAccountChangesPage::statement,
                   fmt::format("{}, 9223372036854775807, 1001, 1048576, {}", kAccount, asked()));
    expect_bounded(sql::ApiAccountsPage::statement,
                   fmt::format("'ffffffff-ffff-ffff-ffff-ffffffffffff', 1001, 1048576, {}", asked()));
    for (const char* status : {"ACTIVE", "SUSPENDED", "CLOSED"})
        expect_bounded(sql::ApiAccountsByStatus::statement,
                       fmt::format("'ffffffff-ffff-ffff-ffff-ffffffffffff', 1001, 1048576, '{}', {}", status, asked()));
    const std::string id = loaded_->database().value("SELECT id FROM dead_letters LIMIT 1");
    expect_bounded(sql::LettersLockLanes::statement, fmt::format("'{}', {}", id, asked()));
    expect_bounded(sql::ApiLanes::statement, "");
}

void QueryPlans::audit_pages() {
    for (const char* before : {"'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'0000c350-0000-0000-0000-000000000000'"}) {
        const std::string page = fmt::format("{}, 1001, 1048576", before);
        expect_bounded(sql::KeysAuditPage::statement, fmt::format("{}, {}", page, asked()));
        expect_bounded(sql::KeysAuditOfSubject::statement, page + ", 'subject 7', " + asked());
        for (const char* key : {"key busy", "key rare", "key none"})
            expect_bounded(sql::KeysAuditOfKey::statement, fmt::format("{}, '{}', {}", page, key, asked()),
                           {"force_custom_plan"});
    }
    expect_bounded(sql::AuditChains::statement, "");
    expect_bounded(sql::AuditChainRows::statement, "7, 500, 1500");
}

TEST_P(QueryPlans, OfIntake) {
    const std::string accounts = array("SELECT id FROM account_settings ORDER BY id LIMIT 500", "uuid");
    const auto column = [](const char* value, const char* type) {
        return fmt::format("array_fill({}::{}, ARRAY[500])", value, type);
    };
    expect_bounded(sql::IntakeLockLanes::statement, kAllLanes);
    expect_bounded(sql::IntakeLockFreeLanes::statement, kAllLanes);
    expect_bounded(sql::IntakeReadAccounts::statement, accounts);
    expect_bounded(
        sql::IntakeReadKeys::statement,
        fmt::format("{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}", column("100", "bigint"), column("'EUR'", "text"),
                    column("'CREDIT'", "text"), array("SELECT generate_series(0, 499)", "text"),
                    column("NULL", "jsonb"), column("NULL", "text"), column("NULL", "jsonb"), column("NULL", "uuid"),
                    column("NULL", "jsonb"), array("SELECT generate_series(1, 500)", "integer"), accounts,
                    column("NULL", "timestamptz")));
}

// Wherever a reader is: at the beginning, in the middle, or at the end.
TEST_P(QueryPlans, OfTheFeed) {
    for (const char* behind : {"0", "applied_seq / 2", "greatest(applied_seq - 3, 0)", "applied_seq"}) {
        const std::string seqs = array(fmt::format("SELECT {} FROM lane_cursors ORDER BY lane", behind), "bigint");
        for (const char* rows : {"1", "1000", "2000"})
            expect_bounded(sql::FeedRead::statement,
                           fmt::format("{}, {}, array_fill(0, ARRAY[48]), {}, 1048576", kAllLanes, seqs, rows));
    }
    for (const char* account : {kAccount, kBusiestAccount})
        for (const char* seq : {"0", "3000", "9223372036854775807"})
            expect_bounded(sql::FeedReadAccount::statement,
                           fmt::format("{}, {}, 0, 1000, 1048576, {}", account, seq, asked()));
    expect_bounded(sql::FeedEnds::statement, kAllLanes);
    expect_bounded(sql::FeedLag::statement, "");
}

TEST_P(QueryPlans, OfTheWorkerAndThePublisher) {
    expect_bounded(sql::ApplyLoad::statement, kAllLanes + ", 10");
    expect_bounded(sql::ApplyLockLanes::statement, kAllLanes);
    expect_bounded(sql::ApplyReadNamed::statement,
                   array("SELECT id FROM accepted WHERE lane = 0 AND seq BETWEEN 5000 AND 5499", "uuid"));
    const std::string last_seqs = array("SELECT applied_seq + 10 FROM lane_cursors ORDER BY lane", "bigint");
    // What is expected may be true, too low or too high.
    for (const char* seq : {"0", "applied_seq", "applied_seq + 1000"}) {
        const std::string expected = array(fmt::format("SELECT {} FROM lane_cursors ORDER BY lane", seq), "bigint");
        expect_bounded(sql::ApplyAppliedSeqs::statement, kAllLanes + ", " + expected);
        expect_bounded(sql::ApplyReadWindows::statement, fmt::format("{}, {}, {}, 10", kAllLanes, last_seqs, expected));
        expect_bounded(sql::ApiAppliedSeqs::statement, kAllLanes + ", " + expected);
    }
    expect_bounded(sql::ApplyNeeded::statement,
                   fmt::format("{}, array_fill(0::bigint, ARRAY[48]), {}, 10", kAllLanes, last_seqs));
    expect_bounded(sql::ApplyReadAccounts::statement, array("SELECT id FROM account_settings WHERE lane < 10", "uuid"));
    expect_bounded(sql::ApplyLockEventLanes::statement, "0, 5000");
    expect_bounded(sql::ApplyRewind::statement, "0, 0");
    expect_bounded(sql::PublishRead::statement,
                   fmt::format("{}, {}, 50, 1048576", array("SELECT lane FROM lane_publish ORDER BY lane", "integer"),
                               array("SELECT published_seq FROM lane_publish ORDER BY lane", "bigint")));
    expect_bounded(sql::PublishBacklog::statement, "");
}

// Windows as verify reads them, smaller ones.
TEST_P(QueryPlans, OfVerify) {
    for (const std::string window : {"0, 0, 1000", "0, 5000, 6000"}) {
        for (const auto& statement :
             {sql::AuditPlaces::statement, sql::AuditLetters::statement, sql::AuditWrongLinks::statement,
              sql::AuditMissingSteps::statement, sql::AuditLettersWithoutPlace::statement})
            expect_bounded(statement, window);
        expect_bounded(sql::AuditTransfers::statement, window + ", 1000000, 1000000");
        const std::string lane_and_seq = window.substr(0, window.rfind(','));
        const std::string accounts = array("SELECT id FROM account_settings WHERE lane = 0 ORDER BY id", "uuid");
        expect_bounded(sql::AuditWindowAccounts::statement, accounts + ", " + lane_and_seq);
        expect_bounded(sql::AuditWindowChanges::statement, accounts + lane_and_seq.substr(1));
    }
    for (const auto& statement : {sql::AuditLanes::statement, sql::AuditHalts::statement, sql::AuditStill::statement})
        expect_bounded(statement, "");
    expect_bounded(sql::AuditCursors::statement, "0");
    expect_bounded(sql::AuditPlacesBelowOne::statement, "0, 100");
    expect_bounded(sql::AuditPlacesOfNoLane::statement, "100");
    const std::string first = "'00000000-0000-0000-0000-000000000000'";
    for (const std::string& after : {first, std::string(kAccount)}) {
        expect_bounded(sql::AuditBalances::statement, after + ", 100");
        expect_bounded(sql::AuditWrongChanges::statement,
                       after + ", '00000000-0000-7000-8000-000000000030'::uuid, 100");
        expect_bounded(sql::AuditHolds::statement, after + ", 1000");
        expect_bounded(sql::AuditHoldSteps::statement, after + ", 0, 1000");
        expect_bounded(sql::AuditReversalSteps::statement, after + ", 0, 1000");
    }
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
    expect_bounded(fmt::format("SELECT * FROM accounts WHERE id = {}", kAccount));
    expect_bounded("SELECT * FROM lane_cursors");
    expect_bounded("SELECT * FROM undecided ORDER BY id DESC LIMIT 50");
    expect_bounded(fmt::format("SELECT * FROM entries WHERE account_id = {} ORDER BY seq DESC LIMIT 50", kAccount));
    expect_bounded(fmt::format("SELECT * FROM refusals WHERE account_id = {} ORDER BY seq DESC LIMIT 50", kAccount));
}

// That the counting would notice: these do read everything.
TEST_P(QueryPlans, AWholeScanIsSeen) {
    static std::deque<std::string> texts;  // connections remember them
    for (const char* query :
         {"SELECT count(metadata) FROM accepted", "SELECT count(*) FROM decisions WHERE seq % 2 = 0"}) {
        const auto rows = loaded_->connection().query(
            {query, texts.emplace_back(fmt::format("EXPLAIN (ANALYZE, FORMAT JSON) {}", query))});
        ASSERT_TRUE(rows) << rows.error().message;
        Touched touched;
        add_touched(*json::parse(rows->text(0, 0))->if_array()->front().find("Plan"), touched);
        EXPECT_GT(touched.rows, kRowsMax);
    }
}

}  // namespace
}  // namespace ledgerline
