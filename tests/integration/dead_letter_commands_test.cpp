// ledgerline dlq against a real API and database: selections, bulk decisions, and what is on record afterwards.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <sstream>

#include "cli/bulk_decision.h"
#include "cli/terminal.h"
#include "integration/command_call.h"
#include "lab/api_server.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

using testing::HasSubstr;

class DeadLetterCommands : public testing::Test {
protected:
    CommandOutcome call(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "dlq");
        arguments.insert(arguments.end(), {"--url", server_.url()});
        return call_command(arguments);
    }

    // Parked letters of transactions of 100 each.
    std::vector<std::string> park(int count, const std::string& account_id) {
        std::vector<std::string> letters;
        for (int i = 0; i < count; ++i)
            letters.push_back(server_.park(
                server_.post("/v1/transactions", server_.transaction(account_id, std::to_string(++keys_))).at("id")));
        return letters;
    }
    void change(const std::string& letter, const std::string& columns) {
        server_.database().run(fmt::format("UPDATE dead_letters SET {} WHERE id = '{}'", columns, letter));
    }
    void make_foreign() {
        server_.database().run(
            "INSERT INTO dead_letters (id, topic, partition, \"offset\", payload, payload_encoding, value_sha256, "
            "error_class, error_code, error_message, attempts, first_failed_at, last_failed_at) VALUES "
            "(gen_random_uuid(), 'transactions', 0, 1, 'x', 'utf8', '\\x01', 'foreign', 'undecodable', 'no JSON', 1, "
            "now(), now())");
    }
    std::string value(const std::string& sql) { return server_.database().value(sql); }
    std::string states() {
        return value(
            "SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM "
            "dead_letters GROUP BY state) s");
    }

    test::ApiServer server_;
    SystemClock clock_;
    SystemRandom random_;
    const std::string alice_ = server_.account(R"("currency":"EUR","reference":"alice")");
    int keys_ = 0;
};

TEST_F(DeadLetterCommands, ListsByFilter) {
    const auto letters = park(3, alice_);
    make_foreign();
    change(letters[0], "last_failed_at = now() - interval '3 hours'");
    change(letters[1], "error_class = 'unknown', error_code = 'XY000'");
    const auto listed = [&](std::vector<std::string> filter) {
        filter.insert(filter.begin(), "list");
        filter.insert(filter.end(), {"-o", "json"});
        const CommandOutcome list = call(filter);
        EXPECT_EQ(list.code, roles::exit_ok) << list.err;
        return list.lines();
    };
    EXPECT_EQ(listed({}), 4);
    std::istringstream table(call({"list"}).out);
    for (std::string line; std::getline(table, line);) EXPECT_LE(width_of(line), 80u) << line;
    EXPECT_EQ(listed({"--class", "foreign"}), 1);
    EXPECT_EQ(listed({"--code", "XY000"}), 1);
    EXPECT_EQ(listed({"--account", "alice"}), 3);
    EXPECT_EQ(listed({"--account", alice_, "--newer-than", "2h"}), 2);
    EXPECT_EQ(listed({"--older-than", "2h"}), 1);
    EXPECT_EQ(listed({"--lane", value("SELECT lane FROM accounts")}), 3);
    EXPECT_EQ(listed({"--state", "DISCARDED"}), 0);
    EXPECT_EQ(call({"list", "--account", "nobody"}).code, roles::exit_refused);
    EXPECT_EQ(call({"list", "--older-than", "yesterday"}).code, roles::exit_usage);
}

TEST_F(DeadLetterCommands, ASelectionIsOnlyShownWithoutYes) {
    park(7, alice_);
    make_foreign();
    const CommandOutcome shown = call({"replay", "--all", "-o", "json"});
    EXPECT_EQ(shown.code, roles::exit_ok);
    EXPECT_EQ(shown.at("dry_run"), "true");
    EXPECT_EQ(shown.at("selected"), "8");
    EXPECT_EQ(shown.at("foreign_left_out"), "1");
    EXPECT_EQ(shown.at("would_decide"), "7");
    EXPECT_EQ(shown.at("groups.0.count"), "7");
    EXPECT_EQ(shown.at("amounts.0.amount_cents"), "700");
    EXPECT_NE(shown.at("sample.4.id"), "missing");
    EXPECT_THAT(shown.err, HasSubstr("Nothing was done"));
    const CommandOutcome table = call({"discard", "--class", "permanent", "--max", "3"});
    EXPECT_THAT(table.out, HasSubstr("23514"));
    EXPECT_THAT(table.out, HasSubstr("7.00 EUR"));
    EXPECT_THAT(table.err, HasSubstr("7 parked letters are selected, 3 would be discarded"));
    EXPECT_EQ(states(), "PARKED 8");
}

TEST_F(DeadLetterCommands, ReplaysASelectionInItsOrderAndPutsItOnRecord) {
    const auto letters = park(120, alice_);  // two pages
    make_foreign();
    const CommandOutcome done = call({"replay", "--account", "alice", "--yes", "--rate", "10000", "--operator", "ann",
                                      "--reason", "fixed", "-o", "json"});
    EXPECT_EQ(done.code, roles::exit_ok) << done.err;
    EXPECT_EQ(done.at("decided"), "120");
    EXPECT_EQ(done.at("left"), "0");
    EXPECT_EQ(states(), "PARKED 1, REPLAYED 120");
    EXPECT_EQ(value("SELECT count(*) FROM places r JOIN dead_letters d ON d.id = r.dead_letter_id "
                    "WHERE r.seq = d.seq + 120"),
              "120")
        << "the order of the lane is kept";
    EXPECT_EQ(value("SELECT count(*) || ' ' || min(operator) || ' ' || min(reason) || ' ' || count(DISTINCT bulk_id) "
                    "FROM dead_letter_decisions"),
              "120 ann fixed 1");
    const CommandOutcome shown = call({"show", letters[3]});
    EXPECT_THAT(shown.out, HasSubstr("ann"));
    EXPECT_THAT(shown.out, HasSubstr(done.at("bulk_id")));
    EXPECT_EQ(call({"show", letters[3], "-o", "json"}).at("audit.0.operator"), "ann");
}

TEST_F(DeadLetterCommands, DecidesTheOldestUpToTheCapAndGoesOnWithTheRest) {
    const auto letters = park(5, alice_);
    const CommandOutcome first = call({"discard", "--all", "--yes", "--max", "2", "-o", "json"});
    EXPECT_EQ(first.code, roles::exit_ok) << first.err;
    EXPECT_EQ(first.at("decided"), "2");
    EXPECT_EQ(first.at("left"), "3");
    EXPECT_EQ(value(fmt::format("SELECT count(*) FROM dead_letters WHERE state = 'DISCARDED' AND id IN ('{}', '{}')",
                                letters[0], letters[1])),
              "2");
    EXPECT_EQ(call({"discard", "--all", "--yes", "-o", "json"}).at("decided"), "3");
    EXPECT_EQ(call({"discard", "--all", "--yes", "-o", "json"}).at("decided"), "0");
}

TEST_F(DeadLetterCommands, ForeignLettersCanBeDiscardedInBulkButNotReplayed) {
    make_foreign();
    const auto letters = park(1, alice_);
    EXPECT_EQ(call({"replay", "--class", "foreign", "--yes"}).code, roles::exit_usage);
    const CommandOutcome replayed = call({"replay", "--all", "--yes", "-o", "json"});
    EXPECT_EQ(replayed.code, roles::exit_ok) << replayed.err;
    EXPECT_EQ(replayed.at("decided"), "1");
    EXPECT_EQ(replayed.at("foreign_left_out"), "1");
    EXPECT_EQ(call({"discard", "--class", "foreign", "--yes", "-o", "json"}).at("decided"), "1");
}

TEST_F(DeadLetterCommands, ALetterThatIsRefusedHoldsUpNoOther) {
    const auto letters = park(3, alice_);
    // A foreign one in all but its class, as the API sees it: it cannot be replayed.
    server_.database().run(
        "ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_foreign, DROP CONSTRAINT dead_letters_proven");
    change(letters[1], "transaction_id = NULL");
    const CommandOutcome done = call({"replay", "--all", "--yes", "-o", "json"});
    EXPECT_EQ(done.code, roles::exit_refused);
    EXPECT_EQ(done.at("decided"), "2");
    EXPECT_EQ(done.at("refused"), "1");
    EXPECT_THAT(done.err, HasSubstr(letters[1]));
}

TEST_F(DeadLetterCommands, AnInterruptEndsItAndTheSameCommandGoesOn) {
    park(5, alice_);
    std::ostringstream out, err;
    const roles::Environment environment{out, err, false, clock_, random_};
    auto server = Server::open({.url = server_.url(), .api_key_file = "", .timeout = test::patience});
    ASSERT_TRUE(server);
    BulkSettings settings;
    settings.decision = "replay";
    settings.execute = true;
    settings.output.format = "json";
    int letters = 0;
    settings.wait_interrupt = [&](milliseconds) { return ++letters > 2; };
    const auto interrupted = decide_in_bulk(environment, settings, *server);
    ASSERT_TRUE(interrupted) << interrupted.error().message;
    EXPECT_EQ(*interrupted, roles::exit_interrupted);
    EXPECT_EQ(states(), "PARKED 3, REPLAYED 2");
    settings.wait_interrupt = [](milliseconds) { return false; };
    EXPECT_EQ(decide_in_bulk(environment, settings, *server).value_or(-1), roles::exit_ok);
    EXPECT_EQ(states(), "REPLAYED 5");
    EXPECT_EQ(value("SELECT count(*) FROM places"), "5");
}

// What is replayed fails again at once, under new letters.
TEST_F(DeadLetterCommands, LettersThatFailAgainMeanwhileAreNotMetASecondTime) {
    park(3, alice_);
    std::ostringstream out, err;
    const roles::Environment environment{out, err, false, clock_, random_};
    auto server = Server::open({.url = server_.url(), .api_key_file = "", .timeout = test::patience});
    ASSERT_TRUE(server);
    BulkSettings settings;
    settings.decision = "replay";
    settings.execute = true;
    settings.wait_interrupt = [&](milliseconds) {
        const std::string replayed = value(
            "SELECT transaction_id FROM places r WHERE NOT EXISTS (SELECT FROM dead_letters d WHERE d.lane = "
            "r.lane AND d.seq = r.seq) LIMIT 1");
        if (!replayed.empty()) server_.park(replayed);
        return false;
    };
    EXPECT_EQ(decide_in_bulk(environment, settings, *server).value_or(-1), roles::exit_ok);
    EXPECT_EQ(states(), "PARKED 2, REPLAYED 3");
}

TEST_F(DeadLetterCommands, ArgumentsThatContradictOneAnotherAreRefused) {
    const std::string id = park(1, alice_).front();
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"replay"},
                                               {"replay", id, "--all"},
                                               {"replay", "--all", "--code", "x"},
                                               {"discard", id, "--lane", "1"},
                                               {"discard", "--all", "--max", "0"},
                                               {"discard", "--all", "--rate", "x"}})
        EXPECT_EQ(call(arguments).code, roles::exit_usage) << testing::PrintToString(arguments);
    EXPECT_EQ(states(), "PARKED 1");
}

}  // namespace
}  // namespace ledgerline::cli
