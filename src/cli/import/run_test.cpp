#include "cli/import/run.h"

#include <atomic>
#include <latch>
#include <sstream>

#include "base/limits.h"
#include "base/wakeup.h"
#include "cli/import/scripted_ledger.h"
#include "cli/sample.h"
#include "lab/balance_model.h"

namespace ledgerline::cli {
namespace {

constexpr const char* kHeader = "reference,account,date,type,amount_cents,currency\n";

std::string sample_file(std::int64_t accounts, std::int64_t transactions) {
    std::string text = kHeader;
    Sample sample({.seed = 11, .accounts = accounts, .transactions = transactions});
    while (const auto row = sample.next()) text += csv_line(*row, "CZK");
    return text;
}

test::BalanceModel model_of(const std::string& text) {
    std::istringstream file(text);
    return test::BalanceModel::of(file);
}

std::int64_t refusals_of(const ImportOutcome& outcome) {
    const auto found = outcome.counts.refused.find("insufficient_balance");
    return found == outcome.counts.refused.end() ? 0 : found->second;
}

class ImportRun : public testing::Test {
protected:
    ImportRun() {
        settings_.server.url = ledger_.url();
        settings_.batch_rows = 50;
        settings_.wait_interrupt = [this](milliseconds at_most) {
            tick_.wait(at_most);
            return interrupt_.exchange(false);
        };
        settings_.on_progress = [](std::int64_t) {};
        settings_.on_interrupt = [] {};
    }

    ImportOutcome import(const std::string& text) {
        std::istringstream file(text);
        const auto check = check_file(file);
        EXPECT_TRUE(check) << check.error().message;
        file.clear();
        file.seekg(0);
        return run_import(environment_, settings_, *check, file);
    }

    // Checks that everything is settled, in the right order, once.
    void expect_result_of(const std::string& text, const ImportOutcome& outcome) {
        const test::BalanceModel model = model_of(text);
        EXPECT_FALSE(outcome.error) << outcome.error->message;
        EXPECT_EQ(outcome.counts.processed, model.processed);
        EXPECT_EQ(refusals_of(outcome), static_cast<std::int64_t>(model.refused.size()));
        EXPECT_EQ(ledger_.balances(), model.balances);
        EXPECT_EQ(ledger_.order(), model.order);
    }

    SystemClock clock_;
    SystemRandom random_;
    std::ostringstream out_, err_;
    roles::Environment environment_{out_, err_, false, clock_, random_};
    ScriptedLedger ledger_;
    Wakeup tick_;
    std::atomic<bool> interrupt_ = false;
    ImportSettings settings_;
};

TEST_F(ImportRun, SettlesEveryRowInItsAccountsOrder) {
    const std::string text = sample_file(100, 3000);
    const ImportOutcome outcome = import(text);
    expect_result_of(text, outcome);
    EXPECT_EQ(outcome.counts.replayed, 0);
    EXPECT_FALSE(outcome.interrupted);
    EXPECT_TRUE(ledger_.always_waited());
}

TEST_F(ImportRun, ChangesNothingTheSecondTimeAndTellsTheSame) {
    const std::string text = sample_file(100, 2000);
    import(text);
    const ImportOutcome again = import(text);
    expect_result_of(text, again);
    EXPECT_EQ(again.counts.replayed, 2000);
}

TEST_F(ImportRun, CountsARowThatIsThereTwiceAsAReplay) {
    const std::string text = std::string(kHeader) + "r1,a,,CREDIT,5,CZK\nr2,a,,CREDIT,6,CZK\nr1,a,,CREDIT,5,CZK\n";
    const ImportOutcome outcome = import(text);
    expect_result_of(text, outcome);
    EXPECT_EQ(outcome.counts.processed, 3);
    EXPECT_EQ(outcome.counts.replayed, 1);
}

TEST_F(ImportRun, SendsTransfersWithTheirSides) {
    const ImportOutcome outcome = import(
        "reference,from,to,amount,currency,note\n"
        "r1,external,a,12.50,CZK,\nr2,a,b,2.25,CZK,rent\nr3,b,external,1,CZK,\nr4,b,a,2,CZK,\n");
    EXPECT_FALSE(outcome.error) << outcome.error->message;
    EXPECT_EQ(outcome.counts.processed, 3);
    EXPECT_EQ(refusals_of(outcome), 1);
    EXPECT_EQ(ledger_.balances(), (std::map<std::string, std::int64_t>{{"a", 1025}, {"b", 125}}));
    EXPECT_EQ(ledger_.order().at("a"), (std::vector<std::string>{"r1", "r2", "r4"}));
    EXPECT_EQ(ledger_.metadata(), (std::map<std::string, std::string>{{"r2", R"({"note":"rent"})"}}));
}

// A transfer that a later row of either account has overtaken is never sent again.
TEST_F(ImportRun, KeepsTheOrderOfBothAccountsOfATransfer) {
    ledger_.faults = {Fault::first_busy};
    const ImportOutcome outcome =
        import("reference,from,to,amount_cents,currency\nr1,a,b,5,CZK\nr2,external,b,5,CZK\n");
    EXPECT_FALSE(outcome.error) << outcome.error->message;
    EXPECT_EQ(outcome.counts.refused_at_intake, (std::map<std::string, std::int64_t>{{"overloaded", 1}}));
    EXPECT_EQ(ledger_.order().at("b"), (std::vector<std::string>{"r2"}));
}

TEST_F(ImportRun, SendsOtherColumnsAsMetadata) {
    import(
        "reference,account,type,amount_cents,currency,note,\"odd \"\"name\"\n"
        "r1,a,CREDIT,1,CZK,\"x \"\"y\"\"\",\nr2,a,CREDIT,1,CZK,,\n");
    EXPECT_EQ(ledger_.metadata(), (std::map<std::string, std::string>{{"r1", R"({"note":"x \"y\""})"}}));
}

TEST_F(ImportRun, SendsTheSameAgainAfterPassingFailures) {
    ledger_.faults = {Fault::busy, Fault::half_busy, Fault::undecided, Fault::half_busy, Fault::busy, Fault::undecided};
    const std::string text = sample_file(40, 1000);
    const ImportOutcome outcome = import(text);
    expect_result_of(text, outcome);
    EXPECT_EQ(outcome.counts.replayed, 0) << "what was accepted here is no replay when its state is asked for";
}

TEST_F(ImportRun, TakesALostAnswerForItsOwn) {
    ledger_.faults = {Fault::lost_answer, Fault::lost_answer};
    const std::string text = sample_file(40, 1000);
    const ImportOutcome outcome = import(text);
    expect_result_of(text, outcome);
    EXPECT_EQ(outcome.counts.replayed, 0);
}

TEST_F(ImportRun, CountsDeadLettersAndRefusalsAtIntake) {
    ledger_.poisoned = {"r1"};
    ledger_.conflicting = {"r2"};
    ledger_.broken = {"r4"};
    const ImportOutcome outcome = import(
        std::string(kHeader) + "r1,a,,CREDIT,5,CZK\nr2,a,,CREDIT,5,CZK\nr3,a,,CREDIT,5,CZK\nr4,a,,CREDIT,5,CZK\n");
    EXPECT_FALSE(outcome.error);
    EXPECT_EQ(outcome.counts.processed, 1);
    EXPECT_EQ(outcome.counts.dead_lettered, 1);
    EXPECT_EQ(outcome.counts.refused_at_intake,
              (std::map<std::string, std::int64_t>{{"idempotency_key_reused", 1}, {"internal_error", 1}}));
    ASSERT_EQ(outcome.counts.intake_refusals.size(), 2u);
    EXPECT_EQ(outcome.counts.intake_refusals[0].line, 3u);
    EXPECT_EQ(outcome.counts.settled(), 4);
}

TEST_F(ImportRun, EndsWhenTheServerRefusesTheClient) {
    ledger_.faults = {Fault::unauthorized};
    const ImportOutcome outcome = import(sample_file(10, 500));
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, "unauthorized");
    EXPECT_EQ(outcome.error->disposition, Disposition::refuse);
}

TEST_F(ImportRun, EndsWhenAnAnswerDoesNotMatchTheBatch) {
    ledger_.faults = {Fault::one_too_few};
    const ImportOutcome outcome = import(sample_file(10, 100));
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, "bad_answer");
}

// One fault at a time, on two connections with small batches: rows refused temporarily are sent again before what
// follows.
TEST_F(ImportRun, KeepsEachAccountsOrderWhateverFailsInBetween) {
    settings_.connections = 2;
    settings_.batch_rows = 20;
    for (const Fault fault : {Fault::busy, Fault::half_busy, Fault::one_busy, Fault::one_too_many, Fault::lost_answer,
                              Fault::thrown, Fault::undecided}) {
        for (int i = 0; i < 2; ++i) ledger_.faults.insert(ledger_.faults.end(), {fault, Fault::none, fault, fault});
    }
    const std::string text = sample_file(30, 1500);
    const ImportOutcome outcome = import(text);
    EXPECT_TRUE(ledger_.faults.empty()) << "all faults were met";
    expect_result_of(text, outcome);
}

TEST_F(ImportRun, DoesNotSendARowThatTheServerLetALaterOneOvertake) {
    settings_.connections = 1;  // so that all three are in the batch with the fault
    ledger_.faults = {Fault::first_busy};
    const ImportOutcome outcome =
        import(std::string(kHeader) + "r1,a,,CREDIT,5,CZK\nr2,b,,CREDIT,5,CZK\nr3,a,,CREDIT,5,CZK\n");
    EXPECT_FALSE(outcome.error);
    EXPECT_EQ(ledger_.order()["a"], std::vector<std::string>{"r3"});
    EXPECT_EQ(outcome.counts.processed, 2);
    ASSERT_EQ(outcome.counts.intake_refusals.size(), 1u);
    EXPECT_EQ(outcome.counts.intake_refusals[0].line, 2u);
    EXPECT_EQ(outcome.counts.intake_refusals[0].code, "overloaded");
    EXPECT_NE(outcome.counts.intake_refusals[0].detail.find("a later row of its account was accepted"),
              std::string::npos);
}

TEST_F(ImportRun, EndsWhenAResultHasNoStatus) {
    ledger_.faults = {Fault::other_shape};
    const ImportOutcome outcome = import(sample_file(10, 100));
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, "bad_answer");
}

TEST_F(ImportRun, GivesUpWhenNothingMoves) {
    ledger_.faults = std::deque<Fault>(1000, Fault::busy);
    settings_.give_up = milliseconds(0);
    const ImportOutcome outcome = import(sample_file(10, 100));
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, "gave_up");
    EXPECT_EQ(outcome.error->disposition, Disposition::retry);
    EXPECT_NE(outcome.error->message.find("scripted (HTTP 503, overloaded)"), std::string::npos)
        << outcome.error->message;
}

TEST_F(ImportRun, StopsCleanlyAndGoesOnLater) {
    std::latch told(1);
    settings_.on_interrupt = [&] { told.count_down(); };
    ledger_.on_batch = [&](int batches) {
        if (batches != 3) return;
        interrupt_ = true;
        tick_.notify();
        told.wait();
    };
    settings_.connections = 1;
    settings_.batch_rows = 1;
    const std::string text = sample_file(20, 2000);
    const ImportOutcome stopped = import(text);
    EXPECT_TRUE(stopped.interrupted);
    EXPECT_FALSE(stopped.error);
    EXPECT_LT(stopped.counts.settled(), 2000);

    ledger_.on_batch = [](int) {};
    settings_.on_interrupt = [] {};
    settings_.batch_rows = 100;
    const ImportOutcome rest = import(text);
    expect_result_of(text, rest);
    EXPECT_EQ(rest.counts.replayed, stopped.counts.settled());
}

// A file whose second read throws, as when memory is short.
class ThrowingFile : public std::stringbuf {
public:
    explicit ThrowingFile(const std::string& text) : std::stringbuf(text) {}

protected:
    std::streamsize xsgetn(char* out, std::streamsize count) override {
        if (reads_++ > 0) throw std::bad_alloc();
        return std::stringbuf::xsgetn(out, count);
    }

private:
    int reads_ = 0;
};

TEST_F(ImportRun, WhatAThreadThrowsEndsTheImportAndNotTheProcess) {
    std::string text(kHeader);
    for (int row = 0; text.size() < 200'000; ++row) text += "r" + std::to_string(row) + ",a,,CREDIT,1,CZK\n";
    std::istringstream good(text);
    const auto check = check_file(good);
    ThrowingFile throwing(text);
    std::istream file(&throwing);
    file.exceptions(std::ios::badbit);
    const ImportOutcome outcome = run_import(environment_, settings_, *check, file);
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, "exception");
}

TEST_F(ImportRun, HoldsNoMoreThanItsShareHoweverManyConnectionsItHas) {
    for (const std::size_t connections : {1u, 4u, 16u, 64u}) {
        const ImportShare share = import_share(connections);
        EXPECT_GE(share.batches_queued_max, 1u);
        EXPECT_LE(share.batch_bytes_max, limits::import_batch_bytes_max);
        EXPECT_LE(connections * share.batch_bytes_max * (share.batches_queued_max + 1), limits::import_queue_bytes_max);
    }
}

TEST_F(ImportRun, NoticesAFileThatChanged) {
    std::istringstream before(std::string(kHeader) + "r1,a,,CREDIT,1,CZK\n");
    const auto check = check_file(before);
    std::istringstream after(std::string(kHeader) + "r1,a,,CREDIT,1,CZK\nr2,b,,CREDIT,1,CZK\n");
    const ImportOutcome outcome = run_import(environment_, settings_, *check, after);
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, "file_changed");
}

}  // namespace
}  // namespace ledgerline::cli
