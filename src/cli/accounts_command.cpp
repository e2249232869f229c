#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/money.h"
#include "cli/amounts.h"
#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kTrialBalanceTimeout{75'000};

struct Options {
    ServerOptions server;
    OutputOptions output;
    std::string account;
    std::string reference;
    std::string status;
    std::string currency;
    json::Value metadata;
    std::string idempotency_key;
    std::int64_t min_balance_cents = 0;
    std::optional<std::int64_t> max_balance_cents;
    std::string from, to, at;
    std::string order;
    std::int64_t limit = 50;
    std::optional<std::int64_t> rows;  // of a statement
    bool follow = false;
};

const Field kAccountFields[] = {{"id", "id"},
                                {"reference", "reference"},
                                {"status", "status"},
                                amount_field("balance"),
                                spare(amount_field("min_balance")),
                                spare(amount_field("max_balance")),
                                spare({"created_at", "created_at"})};

const Field kEntryFields[] = {{"seq", "seq", Align::right},
                              {"type", "type"},
                              amount_field("net"),
                              amount_field("balance_after"),
                              {"processed_at", "processed_at"},
                              {"transaction_id", "transaction_id"},
                              spare({"idempotency_key", "idempotency_key"}),
                              spare({"reference", "reference"})};

const Field kCurrencyFields[] = {{"currency", "currency"},
                                 {"accounts", "accounts", Align::right},
                                 amount_field("balance"),
                                 amount_field("held"),
                                 amount_field("external")};

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_CHECK(
        print_pages(environment, options.output, server,
                    {.path = "/v1/accounts",
                     .filters = query_of("reference", options.reference) + query_of("status", options.status),
                     .member = "accounts",
                     .limit = options.limit,
                     .fields = kAccountFields,
                     .follow = options.follow}));
    return roles::exit_ok;
}

Result<int> show(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const std::string id, resolve_account(server, options.account));
    LEDGERLINE_TRY(const json::Value account, server.get("/v1/accounts/" + id, "id"));
    print_answer(environment, options.output, account, server);
    return roles::exit_ok;
}

Result<int> create(const roles::Environment& environment, const Options& options, Server& server) {
    json::Object body = {{"currency", options.currency}, {"min_balance_cents", options.min_balance_cents}};
    if (options.max_balance_cents) body.emplace_back("max_balance_cents", *options.max_balance_cents);
    if (!options.reference.empty()) body.emplace_back("reference", options.reference);
    if (!options.metadata.is_null()) body.emplace_back("metadata", options.metadata);
    const std::string key = key_or_new(environment, options.idempotency_key);
    const auto account = server.send("POST", "/v1/accounts", body, "id", {{"Idempotency-Key", key}});
    if (!account) return std::unexpected(with_key(account.error(), "--idempotency-key", key));
    print_answer(environment, options.output, *account, server);
    return roles::exit_ok;
}

// CSV is for taking a statement elsewhere, so it is whole unless a limit is given.
Result<int> entries(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const std::string id, resolve_account(server, options.account));
    std::string currency;  // which entries do not name
    if (!options.output.streams()) {
        LEDGERLINE_TRY(const json::Value account, server.get("/v1/accounts/" + id, "id"));
        currency = text_of(account, "currency");
    }
    const std::int64_t limit =
        options.output.csv() && !options.follow ? std::numeric_limits<std::int64_t>::max() : options.limit;
    LEDGERLINE_CHECK(print_pages(
        environment, options.output, server,
        {.path = "/v1/accounts/" + id + "/entries",
         .filters = query_of("from", options.from) + query_of("to", options.to) + query_of("order", options.order),
         .member = "entries",
         .limit = options.rows.value_or(limit),
         .fields = kEntryFields,
         .currency = currency,
         .names_currency = false,
         .follow = options.follow,
         .key = "seq"}));
    return roles::exit_ok;
}

Result<int> balance(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const std::string id, resolve_account(server, options.account));
    const std::string query = options.at.empty() ? "" : "?at=" + http::percent_encode(options.at);
    LEDGERLINE_TRY(const json::Value balance, server.get("/v1/accounts/" + id + "/balance" + query, "balance_cents"));
    print_answer(environment, options.output, balance, server);
    return roles::exit_ok;
}

// The server may take a minute to read all accounts.
Result<int> trial_balance(const roles::Environment& environment, const Options& options, Server& server) {
    server.set_timeout(std::max(options.server.timeout, kTrialBalanceTimeout));
    LEDGERLINE_TRY(const json::Value answer, server.get("/v1/trial-balance", "currencies"));
    LEDGERLINE_TRY(const json::Array currencies, server.objects_of(answer, "currencies"));
    print_list(environment, options.output, kCurrencyFields,
               options.output.streams() ? currencies : for_people(currencies, amounts_of(server)), "accounts");
    return roles::exit_ok;
}

void declare_list(Command& family, const roles::Environment& environment) {
    Command command = family.add("list", "List accounts, newest first");
    const auto options = declare_server_command<Options>(command, environment, list, Formats::list);
    command.option({"--reference", "REFERENCE", "Only the account with this reference", no_variable},
                   options->reference);
    command.choice({"--status", "", "Only accounts with this status", no_variable}, options->status,
                   {"ACTIVE", "SUSPENDED", "CLOSED"});
    command.option({"--limit", "N", "Print at most this many", no_variable}, options->limit, 1, list_limit_max);
    declare_follow(command, options->follow);
    command.alternatives(
        "--follow", "--status",
        "an account comes to a status at any time; 'ledgerline events -f --type account.updated' tells of it");
    command.notes("Example:\n  ledgerline accounts list --status SUSPENDED --limit 1000 -o json");
}

void declare_create(Command& family, const roles::Environment& environment) {
    Command command = family.add("create", "Create an account");
    const auto options = declare_server_command<Options>(command, environment, create);
    declare_currency(command, options->currency, "The account's currency, such as EUR", true);
    command.option({"--reference", "REFERENCE", "Your name for the account, unique", no_variable}, options->reference);
    command.option({"--min-balance-cents", "CENTS", "The floor that a debit may not cross", no_variable},
                   options->min_balance_cents, min_balance_cents_min, balance_cents_max);
    command.option({"--max-balance-cents", "CENTS", "The ceiling that a credit may not cross; by default there is none",
                    no_variable},
                   options->max_balance_cents, min_balance_cents_min, balance_cents_max);
    declare_metadata(command, options->metadata);
    command.option({"--idempotency-key", "KEY",
                    "The same key never creates a second account; by default each command uses a new key", no_variable},
                   options->idempotency_key);
    command.notes("Example:\n  ledgerline accounts create --currency EUR --reference alice --min-balance-cents -50000");
}

void declare_entries(Command& family, const roles::Environment& environment) {
    Command command = family.add("entries", "Print an account's statement, newest entry first");
    const auto options = declare_server_command<Options>(command, environment, entries, Formats::list);
    command.positional("ACCOUNT", "The account's id or reference", options->account);
    declare_time(command, environment.clock, "--from", "Only entries posted at this time or later", options->from);
    declare_time(command, environment.clock, "--to", "Only entries posted before this time", options->to);
    command.choice({"--order", "", "desc: newest first; asc: oldest first", no_variable}, options->order,
                   {"asc", "desc"});
    command.option({"--limit", "N", "Print at most this many; without it 50, and all as CSV", no_variable},
                   options->rows, 1, list_limit_max);
    declare_follow(command, options->follow);
    command.alternatives("--follow", "--order", "what comes is printed as it comes");
    command.notes(
        "As CSV, a text that begins with = + - @ has an apostrophe in front, so that no spreadsheet runs it.\n\n"
        "Example:\n"
        "  ledgerline accounts entries alice --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --order asc -o csv");
}

}  // namespace

void declare_accounts(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("accounts", "List, show, create and change accounts; print statements and changes");
    family.alias("account");
    declare_list(family, environment);

    Command show_command = family.add("show", "Show one account");
    show_command.alias("get");
    const auto shown = declare_server_command<Options>(show_command, environment, show);
    show_command.positional("ACCOUNT", "The account's id or reference", shown->account);

    declare_create(family, environment);
    declare_account_changes(family, environment);

    declare_entries(family, environment);

    Command balance_command = family.add("balance", "Show an account's balance, now or at a time");
    const auto balanced = declare_server_command<Options>(balance_command, environment, balance, Formats::list);
    balance_command.positional("ACCOUNT", "The account's id or reference", balanced->account);
    declare_time(balance_command, environment.clock, "--at",
                 "After all that was decided at this time or earlier; without it, now", balanced->at);
    balance_command.notes("Example:\n  ledgerline accounts balance alice --at 2026-01-31T23:59:59Z");
}

void declare_trial_balance(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("trial-balance", "Sum up all accounts by currency");
    declare_server_command<Options>(command, environment, trial_balance, Formats::list);
    command.notes(
        "external_cents is what came from the outside world, with the sign turned round: with the accounts it\n"
        "sums to zero. 'ledgerline verify' proves it from the transactions.");
}

}  // namespace ledgerline::cli
