#include <fmt/format.h>

#include "base/money.h"
#include "cli/amounts.h"
#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

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
    std::int64_t limit = 50;
};

const Field kAccountFields[] = {{"id", "id"},
                                {"reference", "reference"},
                                {"status", "status"},
                                {"balance", "balance", Align::right},
                                {"min_balance", "min_balance", Align::right},
                                {"created_at", "created_at"}};

const Field kEntryFields[] = {{"seq", "seq", Align::right},     {"type", "type"},
                              {"net", "net", Align::right},     {"balance_after", "balance_after", Align::right},
                              {"processed_at", "processed_at"}, {"transaction_id", "transaction_id"}};

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_CHECK(
        print_pages(environment, options.output, server,
                    {.path = "/v1/accounts",
                     .filters = query_of("reference", options.reference) + query_of("status", options.status),
                     .member = "accounts",
                     .limit = options.limit,
                     .fields = kAccountFields}));
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
    if (!options.reference.empty()) body.emplace_back("reference", options.reference);
    if (!options.metadata.is_null()) body.emplace_back("metadata", options.metadata);
    const std::string key = key_or_new(environment, options.idempotency_key);
    const auto account = server.send("POST", "/v1/accounts", body, "id", {{"Idempotency-Key", key}});
    if (!account) return std::unexpected(with_key(account.error(), "--idempotency-key", key));
    print_answer(environment, options.output, *account, server);
    return roles::exit_ok;
}

Result<int> set_status(const roles::Environment& environment, const Options& options, Server& server,
                       const char* status) {
    LEDGERLINE_TRY(const std::string id, resolve_account(server, options.account));
    LEDGERLINE_TRY(const json::Value account,
                   server.send("PATCH", "/v1/accounts/" + id, json::Object{{"status", status}}, "id"));
    print_answer(environment, options.output, account, server);
    return roles::exit_ok;
}

Result<int> entries(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const std::string id, resolve_account(server, options.account));
    std::string currency;  // which entries do not name
    if (!options.output.json()) {
        LEDGERLINE_TRY(const json::Value account, server.get("/v1/accounts/" + id, "id"));
        currency = text_of(account, "currency");
    }
    LEDGERLINE_CHECK(print_pages(environment, options.output, server,
                                 {.path = "/v1/accounts/" + id + "/entries",
                                  .member = "entries",
                                  .limit = options.limit,
                                  .fields = kEntryFields,
                                  .currency = currency}));
    return roles::exit_ok;
}

void declare_status(Command& family, const roles::Environment& environment, const char* name, const char* description,
                    const char* status) {
    Command command = family.add(name, description);
    const auto options = declare_server_command<Options>(
        command, environment,
        [status](const roles::Environment& e, const Options& o, Server& s) { return set_status(e, o, s, status); });
    command.positional("ACCOUNT", "The account's id or reference", options->account);
}

void declare_list(Command& family, const roles::Environment& environment) {
    Command command = family.add("list", "List accounts, newest first");
    const auto options = declare_server_command<Options>(command, environment, list);
    command.option({"--reference", "REFERENCE", "Only the account with this reference", no_variable},
                   options->reference);
    command.choice({"--status", "", "Only accounts with this status", no_variable}, options->status,
                   {"ACTIVE", "SUSPENDED"});
    command.option({"--limit", "N", "Print at most this many", no_variable}, options->limit, 1, list_limit_max);
    command.notes("Example:\n  ledgerline accounts list --status SUSPENDED --limit 1000 -o json");
}

void declare_create(Command& family, const roles::Environment& environment) {
    Command command = family.add("create", "Create an account");
    const auto options = declare_server_command<Options>(command, environment, create);
    declare_currency(command, options->currency, "The account's currency, such as EUR", true);
    command.option({"--reference", "REFERENCE", "Your name for the account, unique", no_variable}, options->reference);
    command.option(
        {"--min-balance-cents", "CENTS", "The floor that a debit may not cross; it can never be changed", no_variable},
        options->min_balance_cents, min_balance_cents_min, 0);
    declare_metadata(command, options->metadata);
    command.option({"--idempotency-key", "KEY",
                    "The same key never creates a second account; by default each command uses a new key", no_variable},
                   options->idempotency_key);
    command.notes("Example:\n  ledgerline accounts create --currency EUR --reference alice --min-balance-cents -50000");
}

}  // namespace

void declare_accounts(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("accounts", "List, show, create, suspend and activate accounts; print statements");
    declare_list(family, environment);

    Command show_command = family.add("show", "Show one account");
    const auto shown = declare_server_command<Options>(show_command, environment, show);
    show_command.positional("ACCOUNT", "The account's id or reference", shown->account);

    declare_create(family, environment);
    declare_status(family, environment, "suspend", "Refuse all further debits and credits of an account", "SUSPENDED");
    declare_status(family, environment, "activate", "Lift a suspension", "ACTIVE");

    Command entries_command = family.add("entries", "Print an account's statement, newest entry first");
    const auto stated = declare_server_command<Options>(entries_command, environment, entries);
    entries_command.positional("ACCOUNT", "The account's id or reference", stated->account);
    entries_command.option({"--limit", "N", "Print at most this many", no_variable}, stated->limit, 1, list_limit_max);
    entries_command.notes("Example:\n  ledgerline accounts entries alice --limit 10");
}

}  // namespace ledgerline::cli
