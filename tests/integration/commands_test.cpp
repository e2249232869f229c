// The commands against a real API and database, as their users type them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <future>

#include "cli/terminal.h"
#include "domain/legs.h"
#include "integration/command_call.h"
#include "lab/api_server.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

class Commands : public testing::Test {
protected:
    // The server's or the database's address is added.
    CommandOutcome call(std::vector<std::string> arguments) {
        const std::string& family = arguments.front();
        const bool on_database = family == "migrate" || family == "verify";
        arguments.push_back(on_database ? "--database-url" : "--url");
        arguments.push_back(on_database ? server_.database().url() : server_.url());
        return call_command(arguments);
    }

    std::string post(const std::string& key, const std::string& type = "CREDIT") {
        const CommandOutcome posted = call({"tx", "post", "--account", "alice", "--type", type, "--amount-cents", "100",
                                            "--currency", "EUR", "--key", key, "--wait", "0", "-o", "json"});
        EXPECT_EQ(posted.code, roles::exit_ok) << posted.err;
        return posted.at("id");
    }

    test::ApiServer server_;
};

TEST_F(Commands, AccountsFromCreationToStatement) {
    const CommandOutcome created = call({"accounts", "create", "--currency", "EUR", "--reference", "alice",
                                         "--min-balance-cents", "-500", "--metadata", R"({"tier":1})", "-o", "json"});
    ASSERT_EQ(created.code, roles::exit_ok) << created.err;
    EXPECT_EQ(created.at("min_balance_cents"), "-500");
    EXPECT_EQ(created.at("metadata.tier"), "1");
    const std::string id = created.at("id");

    const CommandOutcome taken = call({"accounts", "create", "--currency", "EUR", "--reference", "alice"});
    EXPECT_EQ(taken.code, roles::exit_refused);
    EXPECT_THAT(taken.err, HasSubstr("HTTP 409, reference_taken"));

    EXPECT_EQ(call({"accounts", "show", "alice", "-o", "json"}).at("id"), id) << "by its reference";
    EXPECT_EQ(call({"accounts", "show", id, "-o", "json"}).at("reference"), "alice") << "by its id";
    EXPECT_EQ(call({"accounts", "show", "bob"}).code, roles::exit_refused);

    EXPECT_EQ(call({"accounts", "suspend", "alice", "-o", "json"}).at("status"), "SUSPENDED");
    EXPECT_EQ(call({"accounts", "list", "--status", "ACTIVE", "-o", "json"}).lines(), 0);
    EXPECT_EQ(call({"accounts", "activate", "alice", "-o", "json"}).at("status"), "ACTIVE");

    server_.apply(post("k1"));
    const CommandOutcome entries = call({"accounts", "entries", "alice", "-o", "json"});
    EXPECT_EQ(entries.lines(), 1);
    EXPECT_EQ(entries.at("amount_cents"), "100");
}

TEST_F(Commands, AccountsAreChangedUntilTheyAreClosed) {
    const CommandOutcome created = call({"accounts", "create", "--currency", "EUR", "--reference", "alice",
                                         "--max-balance-cents", "900", "-o", "json"});
    EXPECT_EQ(created.at("max_balance_cents"), "900") << created.err;
    const CommandOutcome updated =
        call({"accounts", "update", "alice", "--min-balance-cents", "5", "--no-max-balance", "--metadata", R"({"a":1})",
              "--reason", "ticket 7", "--operator", "ann", "-o", "json"});
    ASSERT_EQ(updated.code, roles::exit_ok) << updated.err;
    EXPECT_EQ(updated.at("min_balance_cents"), "5");
    EXPECT_EQ(updated.at("max_balance_cents"), "null");
    EXPECT_EQ(updated.at("metadata.a"), "1");
    const CommandOutcome changes = call({"accounts", "changes", "alice", "-o", "json"});
    EXPECT_EQ(changes.lines(), 1);
    EXPECT_EQ(changes.at("changed_by"), "ann");
    EXPECT_EQ(changes.at("reason"), "ticket 7");
    EXPECT_EQ(changes.at("before.max_balance_cents"), "900");
    EXPECT_EQ(call({"accounts", "update", "alice", "--no-metadata", "-o", "json"}).at("metadata"), "null");

    EXPECT_EQ(call({"accounts", "update", "alice"}).code, roles::exit_usage);
    EXPECT_EQ(call({"accounts", "update", "alice", "--max-balance-cents", "1", "--no-max-balance"}).code,
              roles::exit_usage);
    const CommandOutcome crossed = call({"accounts", "update", "alice", "--max-balance-cents", "1"});
    EXPECT_EQ(crossed.code, roles::exit_refused);
    EXPECT_THAT(crossed.err, HasSubstr("limits_crossed"));

    EXPECT_EQ(call({"accounts", "close", "alice", "--reason", "done", "-o", "json"}).at("status"), "CLOSED");
    EXPECT_EQ(call({"accounts", "close", "alice"}).code, roles::exit_ok) << "again";
    EXPECT_EQ(call({"accounts", "list", "--status", "CLOSED", "-o", "json"}).lines(), 1);
    const CommandOutcome final = call({"accounts", "activate", "alice"});
    EXPECT_EQ(final.code, roles::exit_refused);
    EXPECT_THAT(final.err, HasSubstr("HTTP 409, closed_is_final"));
    EXPECT_THAT(call({"accounts", "changes", "alice"}).out, HasSubstr("done"));
}

TEST_F(Commands, StatementsOfAPeriodGoOverAllPagesAsCsv) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    for (const char* key : {"=k1", "k2", "k3"}) server_.apply(post(key));
    server_.database().run(
        "SET session_replication_role = replica; "
        "UPDATE decisions SET processed_at = timestamptz '2026-01-01 00:00:00Z' + seq * interval '1 h'");
    const auto statement = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"accounts", "entries", "alice"});
        return call(more);
    };
    const CommandOutcome all = statement({"-o", "csv", "--order", "asc"});
    EXPECT_EQ(all.code, roles::exit_ok) << all.err;
    EXPECT_EQ(all.lines(), 4);
    EXPECT_TRUE(
        all.out.starts_with("seq,type,net_cents,balance_after_cents,processed_at,transaction_id,"
                            "idempotency_key,reference\r\n1,CREDIT,100,100,2026-01-01T01:00:00.000000Z,"))
        << all.out;
    EXPECT_THAT(all.out, HasSubstr(",'=k1,\r\n2,")) << "not a formula";
    EXPECT_EQ(statement({"-o", "csv", "--limit", "1"}).lines(), 2);
    const CommandOutcome part =
        statement({"-o", "json", "--from", "2026-01-01T02:00:00Z", "--to", "2026-01-01T03:00:00Z"});
    EXPECT_EQ(part.lines(), 1);
    EXPECT_EQ(part.at("idempotency_key"), "k2");
    EXPECT_EQ(statement({"--from", "noon"}).code, roles::exit_usage);
    EXPECT_THAT(statement({"--from", "noon"}).err, HasSubstr("--from must be an RFC 3339 time"));
    EXPECT_EQ(statement({"--order", "up"}).code, roles::exit_usage);

    const auto balance = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"accounts", "balance", "alice", "-o", "json"});
        return call(more).at("balance_cents");
    };
    EXPECT_EQ(balance({}), "300");
    EXPECT_EQ(balance({"--at", "2026-01-01T02:00:00Z"}), "200");
    EXPECT_EQ(call({"trial-balance", "-o", "csv"}).out,
              "currency,accounts,balance_cents,held_cents,external_cents\r\nEUR,1,300,0,-300\r\n");
}

// The list is one of 1500 rows, so of two pages.
TEST_F(Commands, CsvHasItsTitlesOnce) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    server_.database().run(
        "INSERT INTO account_settings (id, currency, lane, created_at, updated_at) "
        "SELECT id, 'EUR', lane_of(id), now(), now() FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, "
        "1499)) i");
    const CommandOutcome listed = call({"accounts", "list", "--limit", "2000", "-o", "csv"});
    EXPECT_EQ(listed.code, roles::exit_ok) << listed.err;
    EXPECT_EQ(listed.lines(), 1501);
    EXPECT_EQ(listed.out.find("balance_cents", listed.out.find("created_at")), std::string::npos);
    EXPECT_EQ(call({"version", "-o", "csv"}).code, roles::exit_usage) << "no list";
}

TEST_F(Commands, TransactionsAreFoundByAnyFilters) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    post("k1");
    const std::string id = post("k2", "DEBIT");
    const auto found = [&](std::vector<std::string> filters) {
        filters.insert(filters.begin(), {"tx", "list", "-o", "json"});
        return call(filters);
    };
    EXPECT_EQ(found({"--type", "DEBIT"}).at("id"), id);
    EXPECT_EQ(found({"--key", "k2", "--account", "alice"}).at("id"), id);
    EXPECT_EQ(found({"--key", "k2"}).lines(), 1);
    EXPECT_EQ(found({"--currency", "EUR"}).lines(), 2);
    EXPECT_EQ(found({"--currency", "USD"}).lines(), 0);
    EXPECT_EQ(found({"--reference", "r"}).lines(), 0);
    EXPECT_EQ(found({"--since", "2020-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00+01:00"}).lines(), 2);
    EXPECT_EQ(found({"--until", "2020-01-01T00:00:00Z"}).lines(), 0);
    EXPECT_EQ(found({"--since", "2020"}).code, roles::exit_usage);
    EXPECT_EQ(found({"--type", "PAYMENT"}).code, roles::exit_usage);
}

TEST_F(Commands, TablesHaveTitlesAndAlignedNumbers) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    const CommandOutcome listed = call({"accounts", "list", "-o", "wide"});
    EXPECT_EQ(listed.code, roles::exit_ok);
    EXPECT_EQ(listed.lines(), 2);
    EXPECT_THAT(listed.out, ContainsRegex(" +balance +min_balance +max_balance +created_at\n.* +0.00 EUR +0.00 EUR "));
    EXPECT_THAT(call({"accounts", "show", "alice"}).out, HasSubstr("\nreference    alice\n"));
}

// What a command is given next, the id of a row, stays whole.
TEST_F(Commands, TablesFitEightyColumnsAndSayWhenTheyAreEmpty) {
    for (const char* family : {"accounts", "tx", "holds", "dlq"}) {
        const CommandOutcome empty = call({family, "list"});
        EXPECT_EQ(empty.code, roles::exit_ok);
        EXPECT_EQ(empty.out, "") << family;
        EXPECT_THAT(empty.err, ContainsRegex("^No [a-z ]+\\.\n$"));
        EXPECT_EQ(call({family, "list", "-o", "yaml"}).out, "[]\n") << family;
        EXPECT_EQ(call({family, "list", "-o", "json"}).out, "") << family;
    }
    server_.account(R"("currency":"EUR","reference":"alice")");
    const std::string id = post("a-key-that-somebody-made-rather-long-for-reasons-of-their-own");
    for (const std::vector<std::string>& list : std::vector<std::vector<std::string>>{
             {"tx", "list"}, {"accounts", "list"}, {"accounts", "entries", "alice"}, {"lanes"}}) {
        const CommandOutcome listed = call(list);
        std::istringstream lines(listed.out);
        for (std::string line; std::getline(lines, line);) EXPECT_LE(width_of(line), 80u) << line;
    }
    EXPECT_THAT(call({"tx", "list"}).out, HasSubstr("\n" + id + "  CREDIT"));
    EXPECT_THAT(call({"tx", "list", "-o", "wide"}).out, HasSubstr("a-key-that-somebody-made-rather-long"));
    EXPECT_THAT(call({"tx", "list", "-o", "yaml"}).out, HasSubstr("- id: \"" + id + "\"\n  account_id: "));
}

TEST_F(Commands, AgesAreTimesToo) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    const std::string id = post("k1");
    EXPECT_EQ(call({"tx", "list", "--since", "24h", "--key", "k1", "-o", "json"}).at("id"), id);
    EXPECT_EQ(call({"tx", "list", "--until", "1h", "-o", "json"}).lines(), 0);
    EXPECT_THAT(call({"tx", "list", "--since", "24"}).err,
                HasSubstr("--since must be an RFC 3339 time, such as 2026-01-31T09:00:00Z, or an age"));
}

TEST_F(Commands, AmountsAreForPeopleUnlessJsonIsAskedFor) {
    server_.account(R"("currency":"EUR","reference":"alice","min_balance_cents":-321760)");
    server_.account(R"("currency":"EUR","reference":"bob")");
    server_.account(R"("currency":"JPY","reference":"yuki")");
    server_.account(R"("currency":"BHD","reference":"ali")");
    server_.account(R"("currency":"XAU","reference":"vault")");
    const auto post = [&](const std::string& account, const std::string& currency, const std::string& amount) {
        return call({"tx", "post", "--account", account, "--type", "CREDIT", "--amount", amount, "--currency", currency,
                     "--wait", "0", "-o", "json"});
    };
    EXPECT_EQ(post("yuki", "JPY", "100").at("amount_cents"), "100");
    EXPECT_EQ(post("ali", "BHD", "1.5").at("amount_cents"), "1500");
    const std::string credit = post("alice", "EUR", "3217.60").at("id");
    server_.apply(credit);
    const CommandOutcome gold = post("vault", "XAU", "1");
    EXPECT_EQ(gold.code, roles::exit_usage);
    EXPECT_EQ(gold.err, "ledgerline: --amount: it is not known how many decimals XAU has; give --amount-cents\n");

    for (const char* shown : {"100 JPY", "1.500 BHD", "3,217.60 EUR"})
        EXPECT_THAT(call({"tx", "list"}).out, HasSubstr(shown));
    EXPECT_THAT(call({"tx", "show", credit}).out, ContainsRegex("\namount +3,217.60 EUR\n"));
    EXPECT_THAT(call({"accounts", "show", "alice"}).out,
                ContainsRegex("\nbalance +3,217.60 EUR\n(.|\n)*min_balance +-3,217.60 EUR\n"));
    EXPECT_THAT(call({"accounts", "show", "vault"}).out, ContainsRegex("\nbalance +0 minor units of XAU\n"));
    EXPECT_THAT(call({"accounts", "entries", "alice"}).out, ContainsRegex("CREDIT +3,217.60 EUR +3,217.60 EUR "));
    EXPECT_EQ(call({"accounts", "entries", "alice", "-o", "json"}).at("net_cents"), "321760");
}

TEST_F(Commands, ATransferIsOneLine) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    const std::string bob = server_.account(R"("currency":"EUR","reference":"bob")");
    const auto transfer = [&](std::vector<std::string> more) {
        std::vector<std::string> words = {"tx", "transfer", "--amount", "12.50", "--currency", "EUR", "--wait", "0"};
        words.insert(words.end(), more.begin(), more.end());
        return call(words);
    };
    const CommandOutcome one = transfer({"--from", "alice", "--to", "bob"});
    EXPECT_EQ(one.code, roles::exit_ok) << one.err;
    EXPECT_THAT(one.out, ContainsRegex("\nlegs\\[0\\] +12.50 EUR from [-0-9a-f]+ to " + bob + "\n"));
    const CommandOutcome again = transfer({"--from", "alice", "--to", bob, "-o", "json"});
    EXPECT_EQ(again.at("legs.0.amount_cents"), "1250");
    EXPECT_EQ(call({"tx", "list", "-o", "json"}).lines(), 2) << "each command has a key of its own";
    EXPECT_EQ(transfer({"--from", "external", "--to", "bob", "-o", "json"}).at("legs.0.from_external"), "true");
    EXPECT_EQ(transfer({"--from", "bob", "-o", "json"}).at("legs.0.to_external"), "true");
    EXPECT_THAT(transfer({"--from", "external"}).err, HasSubstr("one side of a transfer is an account"));
    EXPECT_THAT(transfer({"--from", "nobody", "--to", "bob"}).err, HasSubstr("no account with the reference 'nobody'"));
}

TEST_F(Commands, ListsGoOverPagesAndSayWhenThereIsMore) {
    for (int i = 0; i < 5; ++i) server_.account();
    EXPECT_EQ(call({"accounts", "list", "--limit", "5", "-o", "json"}).lines(), 5);
    const CommandOutcome some = call({"accounts", "list", "--limit", "3", "-o", "json"});
    EXPECT_EQ(some.lines(), 3);
    EXPECT_EQ(some.err, "There are more than 3: raise --limit to see the rest.\n");
}

TEST_F(Commands, TransactionsArePostedOnce) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    const std::string id = post("k1");
    EXPECT_EQ(post("k1"), id);
    EXPECT_EQ(call({"tx", "list", "--account", "alice", "--status", "PENDING", "-o", "json"}).lines(), 1);
    EXPECT_EQ(call({"tx", "show", id, "-o", "json"}).at("idempotency_key"), "k1");

    server_.apply(id, "FAILED");
    const CommandOutcome failed = call({"tx", "post", "--account", "alice", "--type", "CREDIT", "--amount-cents", "100",
                                        "--currency", "EUR", "--key", "k1"});
    EXPECT_EQ(failed.code, roles::exit_refused) << "it ended FAILED";
    EXPECT_THAT(failed.out, HasSubstr("FAILED"));

    const CommandOutcome reused = call({"tx", "post", "--account", "alice", "--type", "CREDIT", "--amount-cents", "101",
                                        "--currency", "EUR", "--key", "k1"});
    EXPECT_EQ(reused.code, roles::exit_refused);
    EXPECT_THAT(reused.err, HasSubstr("idempotency_key_reused"));
    EXPECT_EQ(call({"tx", "post", "--account", "alice", "--type", "CREDIT", "--amount-cents", "1", "--currency", "EUR",
                    "--key", "k2", "--metadata", "{"})
                  .code,
              roles::exit_usage);
}

TEST_F(Commands, ATransactionIsTakenBackInParts) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    const std::string id = post("k1");
    const CommandOutcome early = call({"tx", "reverse", id, "--wait", "0"});
    EXPECT_EQ(early.code, roles::exit_refused);
    EXPECT_THAT(early.err, HasSubstr("parent_undecided"));
    server_.apply(id);
    const CommandOutcome part = call({"tx", "reverse", id, "--amount", "0.40", "--reason", "one item came back",
                                      "--reference", "r", "--key", "k2", "--wait", "0", "-o", "json"});
    EXPECT_EQ(part.code, roles::exit_ok) << part.err;
    EXPECT_EQ(part.at("type"), "REVERSAL");
    EXPECT_EQ(part.at("amount_cents"), "40") << "in the currency of the transaction";
    EXPECT_EQ(part.at("reference"), "r");
    EXPECT_EQ(part.at("idempotency_key"), "k2");
    EXPECT_EQ(call({"tx", "reverse", id, "--amount", "0.405"}).code, roles::exit_usage);
}

TEST_F(Commands, DeadLettersAreReplayedOrDiscarded) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    const std::string first = server_.park(post("k1")), second = server_.park(post("k2"));
    EXPECT_EQ(call({"dlq", "list", "--state", "PARKED", "-o", "json"}).lines(), 2);
    EXPECT_EQ(call({"dlq", "show", first, "-o", "json"}).at("state"), "PARKED");

    EXPECT_EQ(call({"dlq", "replay", first, "-o", "json"}).at("state"), "REPLAYED");
    EXPECT_EQ(call({"dlq", "replay", first}).code, roles::exit_ok) << "again";
    const CommandOutcome mixed = call({"dlq", "discard", first, second, "--yes", "-o", "json"});
    EXPECT_EQ(mixed.code, roles::exit_refused) << "the first is replayed";
    EXPECT_THAT(mixed.err, HasSubstr(first));
    EXPECT_EQ(mixed.lines(), 1);
    EXPECT_EQ(mixed.at("state"), "DISCARDED") << "the second is decided all the same";

    const CommandOutcome verified = call({"verify", "-o", "json"});
    EXPECT_EQ(verified.code, roles::exit_ok) << verified.out;
    EXPECT_EQ(verified.at("ok"), "true");
}

TEST_F(Commands, ATransactionIsTracedThroughItsLife) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    const std::string id = post("k1");
    const CommandOutcome waiting = call({"tx", "trace", id});
    EXPECT_EQ(waiting.code, roles::exit_ok) << waiting.err;
    for (const char* part :
         {"accepted  event ", "waits     for a publisher, 0 events before it", ": CREDIT of 1.00 EUR, account "})
        EXPECT_THAT(waiting.out, HasSubstr(part));

    const std::string letter = server_.park(id);
    call({"dlq", "replay", letter});
    server_.apply(id);
    const CommandOutcome done = call({"tx", "trace", id});
    EXPECT_THAT(done.out,
                testing::ContainsRegex("accepted +event (.|\n)* published +transactions partition (.|\n)* "
                                       "parked +dead letter " +
                                       letter +
                                       "(.|\n)* replayed +by api, as event (.|\n)* published +partition (.|\n)* "
                                       "applied +balance 1.00 EUR(.|\n)* published by nobody"));
    EXPECT_EQ(call({"tx", "trace", id, "-o", "json"}).at("events.1.outcome.status"), "PROCESSED");
    EXPECT_EQ(call({"tx", "trace", "00000000-0000-7000-8000-000000000000"}).code, roles::exit_refused);
}

TEST_F(Commands, TopShowsWhatChangesBetweenTwoLooks) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    auto top = std::async(std::launch::async, [this] { return call({"top", "--once", "-o", "json"}); });
    int posted = 0;
    while (top.wait_for(milliseconds(0)) != std::future_status::ready) post("k" + std::to_string(posted++));
    const CommandOutcome busy = top.get();
    EXPECT_EQ(busy.code, roles::exit_ok) << busy.err;
    EXPECT_EQ(busy.at("servers.0.up"), "true");
    EXPECT_EQ(busy.at("lanes.11.lane"), "11");
    EXPECT_GT(std::stod(busy.at("per_second.accepted")), 0);
    EXPECT_GT(std::stod(busy.at("latencies.0.p95_seconds")), 0);
    EXPECT_EQ(busy.at("to_apply"), busy.at("to_publish")) << "nothing is published here";

    const CommandOutcome idle = call({"top", "--once", "--interval", "100ms"});
    EXPECT_THAT(idle.out, HasSubstr("0.0/s accepted, 0.0/s published"));
    EXPECT_THAT(idle.out, HasSubstr(std::to_string(posted) + " to publish"));
    EXPECT_EQ(idle.out.find('\x1b'), std::string::npos) << "no terminal";
}

TEST_F(Commands, TopGoesOnWithoutAServerThatIsAway) {
    const CommandOutcome one = call({"top", "--once", "--interval", "100ms", "--url", "http://127.0.0.1:1"});
    EXPECT_EQ(one.code, roles::exit_ok);
    EXPECT_THAT(one.out, HasSubstr("does not answer: "));
    EXPECT_THAT(one.out, HasSubstr("up, version test"));
    EXPECT_EQ(call_command({"top", "--once", "--interval", "100ms", "--url", "http://127.0.0.1:1"}).code,
              roles::exit_unavailable);
    EXPECT_EQ(call_command({"top", "--once", "--url", "ftp://x"}).code, roles::exit_usage);
    EXPECT_EQ(call({"top", "--interval", "1ms"}).code, roles::exit_usage);
}

TEST_F(Commands, LanesShowTheirCursors) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    post("k1");
    const CommandOutcome lanes = call({"lanes", "-o", "json"});
    EXPECT_EQ(lanes.code, roles::exit_ok);
    EXPECT_EQ(lanes.lines(), 48);
    EXPECT_THAT(lanes.out, HasSubstr(R"("last_seq":1)"));
    EXPECT_EQ(call({"lanes"}).lines(), 49);
}

TEST_F(Commands, LanesAndVerifyShowWhatHaltsALane) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    post("k1");
    server_.database().run(
        "INSERT INTO lane_halts SELECT lane, 'apply', 1, 'not_recognized', 'why', now() FROM lane_cursors "
        "WHERE last_seq = 1");
    EXPECT_THAT(call({"lanes", "-o", "json"}).out, HasSubstr(R"("halts":[{"stage":"apply","seq":1,)"));
    EXPECT_THAT(call({"lanes", "-o", "wide"}).out, ContainsRegex("apply at 1: not_recognized: why, since [-0-9T:.]+Z"));
    EXPECT_THAT(call({"top", "--once", "--interval", "100ms"}).out, HasSubstr("apply halted at 1: not_recognized"));
    const CommandOutcome verified = call({"verify"});
    EXPECT_EQ(verified.code, roles::exit_refused);
    EXPECT_THAT(verified.out, HasSubstr("FAILED  no lane is halted"));
    EXPECT_THAT(verified.out, HasSubstr("The ledger is intact, but a lane is not moving"));
}

TEST_F(Commands, LanesAndTopNameWhatALaneWaitsFor) {
    const std::string payer = server_.account();
    std::string payee = payer;
    while (lane_of(*Uuid::parse(payee)) == lane_of(*Uuid::parse(payer))) payee = server_.account();
    server_.post("/v1/transactions", server_.transaction(payee, "a"));
    server_.post("/v1/transfers",
                 fmt::format(R"({{"idempotency_key":"t","legs":[{{"from_account_id":"{}","to_account_id":"{}",)"
                             R"("amount_cents":1,"currency":"EUR"}}]}})",
                             payer, payee));
    const std::string wait = fmt::format("lane {} at 1 \\([-0-9a-f]+\\)", lane_of(*Uuid::parse(payee)));
    EXPECT_THAT(call({"lanes", "-o", "wide"}).out, ContainsRegex(wait));
    EXPECT_THAT(call({"top", "--once", "--interval", "100ms"}).out, ContainsRegex("waits for " + wait));
    server_.database().run(fmt::format("INSERT INTO lane_halts VALUES ({}, 'apply', 1, '22003', 'why', now())",
                                       lane_of(*Uuid::parse(payee))));
    EXPECT_THAT(call({"lanes", "-o", "wide"}).out, ContainsRegex(wait + ", halted: 22003: why"));
}

TEST_F(Commands, MigrateTellsWhereTheSchemaIs) {
    EXPECT_EQ(call({"migrate", "status"}).code, roles::exit_ok);
    EXPECT_EQ(call({"migrate", "up", "-o", "json"}).at("applied"), "[]");
    server_.database().run("DELETE FROM schema_migrations");
    const CommandOutcome missing = call({"migrate", "status", "-o", "json"});
    EXPECT_EQ(missing.code, roles::exit_refused);
    EXPECT_EQ(missing.at("state"), "missing");
    EXPECT_EQ(call({"verify"}).code, roles::exit_broken) << "a schema that this binary does not know";
}

TEST_F(Commands, VerifyEndsWhenAStatementTakesTooLongAndCanBeCalledAgain) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    post("k1");
    server_.database().run(
        "ALTER TABLE account_settings RENAME TO kept; "
        "CREATE VIEW account_settings AS SELECT kept.* FROM kept CROSS JOIN pg_sleep(60)");
    const CommandOutcome late = call({"verify", "--statement-timeout", "1s"});
    EXPECT_EQ(late.code, roles::exit_unavailable) << late.err;
    EXPECT_THAT(late.err, HasSubstr("statement timeout"));
    EXPECT_EQ(late.out, "");
    server_.database().run("DROP VIEW account_settings; ALTER TABLE kept RENAME TO account_settings");
    EXPECT_EQ(call({"verify"}).code, roles::exit_ok);
    EXPECT_EQ(call({"verify", "--statement-timeout", "999ms"}).code, roles::exit_usage);
}

TEST_F(Commands, VerifyNamesDamageAndFails) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    server_.database().run(
        "INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents, "
        "processed_at, kind) SELECT -1, 1, id, id, 7, 7, 0, now(), 'POSTED' FROM account_settings");
    const CommandOutcome damaged = call({"verify"});
    EXPECT_EQ(damaged.code, roles::exit_refused);
    EXPECT_THAT(damaged.out, HasSubstr("FAILED  every balance is the sum of the account's entries"));
    EXPECT_THAT(damaged.out, HasSubstr("the account's latest decision is in lane -1"));
    EXPECT_THAT(damaged.out, HasSubstr("The ledger is damaged"));
}

TEST_F(Commands, VerifySaysWhatMinorUnitsAre) {
    server_.account(R"("currency":"EUR","reference":"alice")");
    post("k1");
    server_.database().run(
        "INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents, "
        "processed_at, kind) SELECT lane, seq, id, account_id, 100, 7, 0, now(), 'POSTED' FROM accepted");
    EXPECT_THAT(call({"verify"}).out, HasSubstr(": balance_after is 7, but the entries make 100 (in minor units: 1000 "
                                                "is 10.00 EUR)\n"));
    EXPECT_THAT(call({"verify", "-o", "json"}).out, HasSubstr("but the entries make 100\""));
}

TEST_F(Commands, HealthIsWhatTheServerSaysOfItself) {
    const CommandOutcome ready = call({"health", "-o", "json"});
    EXPECT_EQ(ready.code, roles::exit_ok) << ready.err;
    EXPECT_EQ(ready.at("status"), "ready");
    server_.api().begin_stop();
    const CommandOutcome leaving = call({"health"});
    EXPECT_EQ(leaving.code, roles::exit_unavailable);
    EXPECT_THAT(leaving.err, HasSubstr("Missing: server."));
}

TEST_F(Commands, ADatabaseThatIsAwayIsSaidSo) {
    const CommandOutcome away = call_command({"verify", "--database-url", "postgresql://127.0.0.1:1/none"});
    EXPECT_EQ(away.code, roles::exit_unavailable);
    EXPECT_THAT(away.err, HasSubstr("cannot connect to PostgreSQL"));
}

}  // namespace
}  // namespace ledgerline::cli
