#include <fmt/format.h>

#include "cli/amounts.h"
#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/posting.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "cli/trace_timeline.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

struct Options : PostingOptions {
    std::string transaction;
    std::string account;
    std::string status;
    std::string type;
    std::string currency;
    std::string from;
    std::string to;
    std::string since, until;
    std::string reason;
    AmountOptions amount;
    std::int64_t limit = 50;
    bool follow = false;
};

const Field kTransactionFields[] = {{"id", "id"},
                                    spare({"account_id", "account_id"}),
                                    {"type", "type"},
                                    amount_field("amount"),
                                    {"status", "status"},
                                    {"failure_code", "failure_code"},
                                    spare({"idempotency_key", "idempotency_key"}),
                                    spare({"created_at", "created_at"})};

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    std::string id;
    if (!options.account.empty()) {
        LEDGERLINE_TRY(id, resolve_account(server, options.account));
    }
    LEDGERLINE_CHECK(
        print_pages(environment, options.output, server,
                    {.path = "/v1/transactions",
                     .filters = query_of("account_id", id) + query_of("status", options.status) +
                                query_of("type", options.type) + query_of("currency", options.currency) +
                                query_of("reference", options.reference) + query_of("idempotency_key", options.key) +
                                query_of("created_after", options.since) + query_of("created_before", options.until),
                     .member = "transactions",
                     .limit = options.limit,
                     .fields = kTransactionFields,
                     .follow = options.follow}));
    return roles::exit_ok;
}

Result<int> show(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value transaction,
                   server.get("/v1/transactions/" + http::percent_encode(options.transaction), "id"));
    print_answer(environment, options.output, transaction, server);
    return roles::exit_ok;
}

Result<int> trace(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value life,
                   server.get("/v1/transactions/" + http::percent_encode(options.transaction) + "/trace", "events"));
    if (options.output.documents())
        print_object(environment, options.output, life);
    else
        print_timeline(environment.out, life, amounts_of(server));
    return roles::exit_ok;
}

Result<json::Object> body_of(const Options& options, Server& server) {
    LEDGERLINE_TRY(const std::int64_t cents, cents_of(options.amount, options.currency, server));
    LEDGERLINE_TRY(const std::string account_id, resolve_account(server, options.account));
    json::Object body = {
        {"account_id", account_id}, {"amount_cents", cents}, {"currency", options.currency}, {"type", options.type}};
    return body;
}

bool is_outside(const std::string& account) { return account.empty() || account == "external"; }

// A side that no account is named for is the outside world.
Result<json::Object> transfer_body_of(const Options& options, Server& server) {
    if (is_outside(options.from) && is_outside(options.to))
        return failure(Disposition::refuse, "bad_usage", "give --from or --to: one side of a transfer is an account");
    LEDGERLINE_TRY(const std::int64_t cents, cents_of(options.amount, options.currency, server));
    json::Object leg;
    const auto add_side = [&](const char* name, const std::string& account) -> Result<void> {
        if (is_outside(account)) {
            leg.emplace_back(fmt::format("{}_external", name), true);
            return {};
        }
        LEDGERLINE_TRY(const std::string id, resolve_account(server, account));
        leg.emplace_back(fmt::format("{}_account_id", name), id);
        return {};
    };
    LEDGERLINE_CHECK(add_side("from", options.from));
    LEDGERLINE_CHECK(add_side("to", options.to));
    leg.emplace_back("amount_cents", cents);
    leg.emplace_back("currency", options.currency);
    json::Object body = {{"legs", json::Array{std::move(leg)}}};
    return body;
}

Result<int> post(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(json::Object body, body_of(options, server));
    return send_posting(environment, options, server, "/v1/transactions", std::move(body));
}

Result<int> transfer(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(json::Object body, transfer_body_of(options, server));
    return send_posting(environment, options, server, "/v1/transfers", std::move(body));
}

// Without --currency: it is the transaction's.
Result<std::int64_t> reversed_cents(const Options& options, Server& server, const std::string& path) {
    if (options.amount.cents) return *options.amount.cents;
    LEDGERLINE_TRY(const json::Value transaction, server.get(path, "currency"));
    return cents_of(options.amount, text_of(transaction, "currency"), server);
}

Result<int> reverse(const roles::Environment& environment, const Options& options, Server& server) {
    const std::string path = "/v1/transactions/" + http::percent_encode(options.transaction);
    json::Object body;
    if (options.amount.is_given()) {
        LEDGERLINE_TRY(const std::int64_t cents, reversed_cents(options, server, path));
        body.emplace_back("amount_cents", cents);
    }
    if (!options.reason.empty()) body.emplace_back("reason", options.reason);
    return send_posting(environment, options, server, path + "/reverse", std::move(body));
}

void declare_movement(Command& command, Options& options) {
    declare_amount(command, options.amount, amount_is_required);
    declare_currency(command, options.currency, "The account's currency, such as EUR", true);
    declare_posting(command, options, "moves money");
}

void declare_reverse(Command& family, const roles::Environment& environment) {
    Command command = family.add("reverse", "Take a transaction back, in whole or in part");
    const auto options = declare_server_command<Options>(command, environment, reverse);
    command.positional("ID", "The transaction's id", options->transaction, uuid_rule);
    declare_amount(command, options->amount, "without an amount, all that is left");
    command.option({"--reason", "TEXT", "Why it is taken back", no_variable}, options->reason);
    declare_posting(command, *options, "moves money");
    command.notes(
        "Only a transaction with one leg is reversed in parts.\n\n"
        "Example:\n"
        "  ledgerline tx reverse 01a20874-e2ca-767f-bd91-75834eb53280 --amount 2.50 --reason \"one item came back\"\n\n"
        "Exit code 1 if the reversal was refused or is FAILED.");
}

void declare_transfer(Command& family, const roles::Environment& environment) {
    Command command = family.add("transfer", "Move money from one account to another");
    const auto options = declare_server_command<Options>(command, environment, transfer);
    command.option({"--from", "ACCOUNT",
                    "Who pays: an account's id or reference; external, or nothing: the outside world", no_variable},
                   options->from);
    command.option({"--to", "ACCOUNT",
                    "Who is paid: an account's id or reference; external, or nothing: the outside world", no_variable},
                   options->to);
    declare_movement(command, *options);
    command.notes(
        "Both accounts take their part, or neither does. An account whose reference is 'external' is named by its "
        "id.\n\n"
        "Example:\n"
        "  ledgerline tx transfer --from alice --to bob --amount 12.50 --currency EUR --key order-7\n\n"
        "Exit code 1 if the transfer was refused or is FAILED.");
}

void declare_post(Command& family, const roles::Environment& environment) {
    Command command = family.add("post", "Post one transaction");
    const auto options = declare_server_command<Options>(command, environment, post);
    command.option({"--account", "ACCOUNT", "The account's id or reference", no_variable, true}, options->account);
    command.choice({"--type", "", "Direction", no_variable, true}, options->type, {"CREDIT", "DEBIT"});
    declare_movement(command, *options);
    command.notes(
        "Example:\n"
        "  ledgerline tx post --account alice --type CREDIT --amount 12.50 --currency EUR --key invoice-7\n\n"
        "Exit code 1 if the transaction was refused or is FAILED.");
}

void declare_list(Command& family, const roles::Environment& environment) {
    Command command = family.add("list", "List transactions, newest first");
    const auto options = declare_server_command<Options>(command, environment, list, Formats::list);
    command.option({"--account", "ACCOUNT", "Only transactions of the account with this id or reference", no_variable},
                   options->account);
    command.choice({"--status", "", "Only transactions with this status", no_variable}, options->status,
                   {"PENDING", "PROCESSING", "PROCESSED", "FAILED"});
    command.choice({"--type", "", "Only transactions of this type", no_variable}, options->type,
                   {"DEBIT", "CREDIT", "TRANSFER", "HOLD", "CAPTURE", "RELEASE", "REVERSAL"});
    declare_currency(command, options->currency, "Only transactions in this currency", false);
    command.option({"--reference", "TEXT", "Only transactions with this reference of yours", no_variable},
                   options->reference);
    command.option({"--key", "KEY", "Only transactions with this idempotency key; fast with --account", no_variable},
                   options->key);
    declare_time(command, environment.clock, "--since", "Only transactions accepted at this time or later",
                 options->since);
    declare_time(command, environment.clock, "--until", "Only transactions accepted before this time", options->until);
    command.option({"--limit", "N", "Print at most this many", no_variable}, options->limit, 1, list_limit_max);
    declare_follow(command, options->follow);
    command.alternatives(
        "--follow", "--status",
        "a transaction comes to a status at any time; 'ledgerline events -f --type transaction.failed' tells of it");
    command.notes(
        "Examples:\n"
        "  ledgerline tx list --account alice --status FAILED --since 2026-01-01T00:00:00Z\n"
        "  ledgerline tx list --since 24h --key order-7\n"
        "  ledgerline tx list -f -o json | jq .status");
}

}  // namespace

void declare_transactions(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("tx", "List, show, trace, post and reverse transactions and transfers");
    family.alias("transactions");
    family.alias("transaction");
    declare_list(family, environment);

    Command show_command = family.add("show", "Show one transaction");
    show_command.alias("get");
    const auto shown = declare_server_command<Options>(show_command, environment, show);
    show_command.positional("ID", "The transaction's id", shown->transaction, uuid_rule);

    Command trace_command = family.add("trace", "Print one transaction's life, step by step");
    const auto traced = declare_server_command<Options>(trace_command, environment, trace);
    trace_command.positional("ID", "The transaction's id", traced->transaction, uuid_rule);
    trace_command.notes(
        "Times come from the ledger, which records none for publishing. The trace id leads to the\n"
        "distributed trace.\n\n"
        "Example:\n  ledgerline tx trace 01a20874-e2ca-767f-bd91-75834eb53280");

    declare_post(family, environment);
    declare_transfer(family, environment);
    declare_reverse(family, environment);
}

}  // namespace ledgerline::cli
