// import and verify on the whole pipeline: generated files always, a real one where LEDGERLINE_TEST_BANK_DIR names it.
#include "cli/import/run.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "audit/verify.h"
#include "base/wakeup.h"
#include "cli/sample.h"
#include "lab/balance_model.h"
#include "lab/pipeline.h"

namespace ledgerline::cli {
namespace {

std::string sample_file(const SampleSettings& settings) {
    std::string text = std::string(sample_header) + "\n";
    Sample sample(settings);
    while (const auto row = sample.next()) text += csv_line(*row, settings.currency);
    return text;
}

class ImportPipeline : public testing::Test {
protected:
    ImportPipeline() : ImportPipeline(test::TestCluster::shared()) {}
    explicit ImportPipeline(test::TestCluster& cluster) : pipeline_(cluster) {
        settings_.server.url = pipeline_.api().url();
        settings_.wait_interrupt = [this](milliseconds at_most) {
            tick_.wait(at_most);
            return interrupt_.exchange(false);
        };
        settings_.on_progress = [this](std::int64_t settled) {
            if (settled >= interrupt_after_) interrupt_ = true;
        };
        settings_.on_interrupt = [] {};
    }

    ImportOutcome import(std::istream& file) {
        const auto check = check_file(file);
        EXPECT_TRUE(check) << check.error().message;
        file.clear();
        file.seekg(0);
        return run_import(environment_, settings_, *check, file);
    }
    ImportOutcome import(const std::string& text) {
        std::istringstream file(text);
        return import(file);
    }

    std::map<std::string, std::int64_t> balances() const {
        db::Connection connection = pipeline_.database().connect();
        const db::Statement read{"test_balances", "SELECT reference, balance_cents FROM accounts"};
        std::map<std::string, std::int64_t> balances;
        const auto rows = connection.query(read);
        EXPECT_TRUE(rows) << rows.error().message;
        for (std::size_t row = 0; row < rows->size(); ++row)
            balances[std::string(rows->text(row, 0))] = rows->int64(row, 1);
        return balances;
    }

    audit::VerifyReport verified() const {
        db::Connection connection = pipeline_.database().connect();
        auto report = audit::verify(connection, {});
        EXPECT_TRUE(report) << report.error().message;
        return *std::move(report);
    }

    static void expect_ok(const audit::VerifyReport& report) {
        for (std::size_t i = 0; i < audit::check_count; ++i)
            for (const audit::Violation& violation : report.finding(static_cast<audit::Check>(i)).listed)
                ADD_FAILURE() << name_of(static_cast<audit::Check>(i)) << ": lane " << violation.lane << " seq "
                              << violation.seq << ' ' << violation.id << ": " << violation.detail;
    }

    void expect_result_of(const test::BalanceModel& model, const ImportOutcome& outcome) {
        EXPECT_FALSE(outcome.error) << outcome.error->message;
        const std::map<std::string, std::int64_t> refused = {
            {"insufficient_balance", static_cast<std::int64_t>(model.refused.size())}};
        EXPECT_EQ(outcome.counts.processed, model.processed);
        EXPECT_EQ(outcome.counts.refused, refused);
        EXPECT_EQ(outcome.counts.refused_at_intake.size(), 0u);
        EXPECT_EQ(outcome.counts.dead_lettered, 0);
        EXPECT_EQ(balances(), model.balances);
        expect_ok(verified());
    }

    SystemClock clock_;
    SystemRandom random_;
    std::ostringstream out_, err_;
    roles::Environment environment_{out_, err_, false, clock_, random_};
    test::Pipeline pipeline_;
    Wakeup tick_;
    std::atomic<bool> interrupt_ = false;
    std::int64_t interrupt_after_ = INT64_MAX;  // rows settled
    ImportSettings settings_;
};

TEST_F(ImportPipeline, EndsWithTheBalancesOfTheFile) {
    const std::string text = sample_file({.seed = 5, .accounts = 300, .transactions = 6000});
    std::istringstream file(text);
    const auto model = test::BalanceModel::of(file);
    const ImportOutcome first = import(text);
    expect_result_of(model, first);
    EXPECT_EQ(first.counts.replayed, 0);

    const ImportOutcome again = import(text);
    expect_result_of(model, again);
    EXPECT_EQ(again.counts.replayed, 6000);
}

TEST_F(ImportPipeline, GoesOnAfterAnInterrupt) {
    const std::string text = sample_file({.seed = 6, .accounts = 100, .transactions = 4000});
    std::istringstream file(text);
    const auto model = test::BalanceModel::of(file);
    settings_.batch_rows = 20;
    interrupt_after_ = 500;
    const ImportOutcome stopped = import(text);
    EXPECT_TRUE(stopped.interrupted);
    expect_ok(verified());

    interrupt_after_ = INT64_MAX;
    interrupt_ = false;
    settings_.batch_rows = 500;
    expect_result_of(model, import(text));
}

// What a file of transfers must come to, row by row.
struct TransferModel {
    std::map<std::string, std::int64_t> balances;
    std::int64_t processed = 0;
    std::vector<std::string> refused;

    void post(const std::string& reference, const std::string& from, const std::string& to, std::int64_t cents) {
        for (const std::string& name : {from, to})
            if (name != "external") balances.try_emplace(name, 0);
        if (from != "external" && balances[from] < cents) return refused.push_back(reference);
        if (from != "external") balances[from] -= cents;
        if (to != "external") balances[to] += cents;
        ++processed;
    }
};

// Money that goes round in a few accounts, with little to spare: another order has another result. Every third time an
// account is named by its id.
TEST_F(ImportPipeline, KeepsTransfersInTheOrderOfTheFile) {
    constexpr int kAccounts = 12, kRows = 3000;
    SeededRandom random(8);
    std::vector<std::string> ids;
    for (int i = 0; i < kAccounts; ++i)
        ids.push_back(pipeline_.api().account(fmt::format(R"("currency":"EUR","reference":"a{}")", i)));
    TransferModel model;
    std::string text = "reference,from,to,amount,currency\n";
    for (int row = 0; row < kRows; ++row) {
        // Four groups of three accounts, which transfers never leave.
        const std::uint64_t group = random.below(4), from = random.below(4), to = (from + 1 + random.below(3)) % 4;
        const auto name = [&](std::uint64_t i) { return i == 3 ? "external" : fmt::format("a{}", group * 3 + i); };
        const auto written = [&](std::uint64_t i) {
            return i != 3 && random.below(3) == 0 ? ids[group * 3 + i] : name(i);
        };
        const auto cents = static_cast<std::int64_t>(1 + random.below(500));
        const std::string reference = fmt::format("r{}", row);
        model.post(reference, name(from), name(to), cents);
        text += fmt::format("{},{},{},{}.{:02},EUR\n", reference, written(from), written(to), cents / 100, cents % 100);
    }
    settings_.batch_rows = 40;
    const auto expect_result = [&](const ImportOutcome& outcome) {
        EXPECT_FALSE(outcome.error) << outcome.error->message;
        EXPECT_EQ(outcome.counts.processed, model.processed);
        EXPECT_EQ(outcome.counts.refused,
                  (std::map<std::string, std::int64_t>{
                      {"insufficient_balance", static_cast<std::int64_t>(model.refused.size())}}));
        EXPECT_EQ(balances(), model.balances);
        expect_ok(verified());
    };
    expect_result(import(text));
    EXPECT_GT(model.refused.size(), 100u);

    const ImportOutcome again = import(text);
    expect_result(again);
    EXPECT_EQ(again.counts.replayed, kRows);
}

TEST_F(ImportPipeline, GoesOnWithTransfersAfterAnInterrupt) {
    TransferModel model;
    std::string text = "reference,from,to,amount_cents,currency\n";
    for (int row = 0; row < 2000; ++row) {
        const std::string from = row % 5 == 0 ? "external" : fmt::format("b{}", row % 7);
        const std::string to = fmt::format("b{}", (row % 7 + 1 + row % 3) % 7);
        model.post(std::to_string(row), from, to, 1 + row % 50);
        text += fmt::format("{},{},{},{},EUR\n", row, from, to, 1 + row % 50);
    }
    settings_.batch_rows = 20;
    interrupt_after_ = 300;
    EXPECT_TRUE(import(text).interrupted);
    expect_ok(verified());
    interrupt_after_ = INT64_MAX;
    interrupt_ = false;
    const ImportOutcome done = import(text);
    EXPECT_EQ(done.counts.processed, model.processed);
    EXPECT_EQ(balances(), model.balances);
}

TEST_F(ImportPipeline, KnowsAnAccountByBothItsNames) {
    const std::string id = pipeline_.api().account(R"("currency":"EUR","reference":"a")");
    std::string text = "reference,from,to,amount,currency\n";
    for (int row = 0; row < 1000; ++row)
        text +=
            row % 2 == 0 ? fmt::format("{},external,a,1,EUR\n", row) : fmt::format("{},{},external,1,EUR\n", row, id);
    settings_.batch_rows = 10;
    EXPECT_EQ(import(text).counts.processed, 1000) << "each takes what the row before has given";
}

TEST_F(ImportPipeline, KeepsTheDatesOfTheFileAndItsOrder) {
    const std::string text =
        "reference,account,type,amount_cents,currency,occurred_at\n"
        "r1,a,CREDIT,5,EUR,2026-02-01\nr2,a,DEBIT,5,EUR,1993-01-05T10:00:00+01:00\nr3,a,CREDIT,1,EUR,\n";
    EXPECT_EQ(import(text).counts.processed, 3);
    EXPECT_EQ(pipeline_.database().value(
                  "SELECT string_agg(coalesce((occurred_at AT TIME ZONE 'UTC')::text, 'none'), ', ' ORDER BY seq) "
                  "FROM accepted"),
              "2026-02-01 00:00:00, 1993-01-05 09:00:00, none");
    EXPECT_EQ(import(text).counts.replayed, 3);
}

TEST_F(ImportPipeline, RefusesTransfersOfAnAccountThatIsNotThere) {
    const ImportOutcome outcome = import(
        "reference,from,to,amount,currency\n"
        "r1,external,01a20874-e2ca-767f-bd91-75834eb53280,1,EUR\nr2,external,a,1,EUR\n");
    EXPECT_EQ(outcome.counts.processed, 1);
    EXPECT_EQ(outcome.counts.refused_at_intake, (std::map<std::string, std::int64_t>{{"account_not_found", 1}}));
}

// The cursor tables are updated all the time, and verify reads them all the time: neither may let them grow.
TEST_F(ImportPipeline, IsVerifiedWhileItRuns) {
    const std::string text = sample_file({.seed = 7, .accounts = 200, .transactions = 8000});
    std::atomic<bool> done = false;
    std::thread verifier([&] {
        do {
            expect_ok(verified());
        } while (!done);
    });
    settings_.batch_rows = 25;
    const ImportOutcome outcome = import(text);
    done = true;
    verifier.join();
    EXPECT_FALSE(outcome.error);
    EXPECT_LT(std::stoll(pipeline_.database().value("SELECT pg_total_relation_size('lane_intake') + "
                                                    "pg_total_relation_size('lane_publish') + "
                                                    "pg_total_relation_size('lane_apply')")),
              3'000'000);
}

struct OwnCluster {
    test::TestCluster cluster;
};
class ImportThroughACrash : private OwnCluster, public ImportPipeline {
protected:
    ImportThroughACrash() : ImportPipeline(cluster) {}
    void kill_postmaster() { cluster.kill_postmaster(); }
    void wait_back() { cluster.wait_back(); }
};

TEST_F(ImportThroughACrash, WaitsForTheDatabaseAndLosesNothing) {
    const std::string text = sample_file({.seed = 8, .accounts = 100, .transactions = 4000});
    std::istringstream file(text);
    const auto model = test::BalanceModel::of(file);
    settings_.batch_rows = 20;
    bool killed = false;
    settings_.on_progress = [&](std::int64_t settled) {
        if (settled < 500 || std::exchange(killed, true)) return;
        kill_postmaster();
    };
    const ImportOutcome outcome = import(text);
    EXPECT_TRUE(killed);
    wait_back();
    expect_result_of(model, outcome);
    EXPECT_EQ(pipeline_.database().value("SELECT count(*) FROM dead_letters"), "0");
}

TEST_F(ImportPipeline, ARealBanksYear) {
    const char* directory = std::getenv("LEDGERLINE_TEST_BANK_DIR");
    if (!directory) GTEST_SKIP() << "skipped: LEDGERLINE_TEST_BANK_DIR is not set";
    std::ifstream file(std::string(directory) + "/czech-bank-1993.csv", std::ios::binary);
    std::ifstream expected(std::string(directory) + "/czech-bank-1993.expected.csv");
    ASSERT_TRUE(file && expected);
    std::map<std::string, std::int64_t> expected_balances;
    std::string line;
    for (std::getline(expected, line); std::getline(expected, line);)
        expected_balances[line.substr(0, line.find(','))] = std::stoll(line.substr(line.find(',') + 1));

    const ImportOutcome first = import(file);
    EXPECT_FALSE(first.error);
    EXPECT_EQ(first.counts.processed, 14'118);
    EXPECT_EQ(first.counts.refused, (std::map<std::string, std::int64_t>{{"insufficient_balance", 7}}));
    EXPECT_EQ(balances(), expected_balances);

    file.clear();
    file.seekg(0);
    const ImportOutcome again = import(file);
    EXPECT_EQ(again.counts.replayed, 14'125);
    EXPECT_EQ(again.counts.processed, 14'118);
    EXPECT_EQ(balances(), expected_balances);
    expect_ok(verified());
}

}  // namespace
}  // namespace ledgerline::cli
