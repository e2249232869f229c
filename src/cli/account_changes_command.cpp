#include <fmt/format.h>

#include "base/money.h"
#include "cli/amounts.h"
#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/operator_option.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

struct Options {
    ServerOptions server;
    OutputOptions output;
    std::string account;
    std::string operator_name = user_name();
    std::string reason;
    std::optional<std::int64_t> min_balance_cents;
    std::optional<std::int64_t> max_balance_cents;
    bool no_max_balance = false;
    json::Value metadata;
    bool no_metadata = false;
    std::int64_t limit = 50;
};

const Field kChangeFields[] = {{"number", "number", Align::right},
                               {"changed_at", "changed_at"},
                               {"changed_by", "changed_by"},
                               {"before", "before"},
                               {"after", "after"},
                               {"reason", "reason"},
                               {"request_id", "request_id"}};

// Repeated while it is unknown whether it was executed: what is so already is not changed again.
Result<int> send(const roles::Environment& environment, const Options& options, Server& server, json::Object body) {
    if (!options.reason.empty()) body.emplace_back("reason", options.reason);
    LEDGERLINE_TRY(const std::string id, resolve_account(server, options.account));
    LEDGERLINE_TRY(const json::Value account, server.send("PATCH", "/v1/accounts/" + id, std::move(body), "id",
                                                          operator_header(options.operator_name)));
    if (account.find("requested_by"))
        say(environment, fmt::format("ledgerline: nothing is changed yet: another API key must approve it: ledgerline "
                                     "approvals approve {}",
                                     text_of(account, "id")));
    print_answer(environment, options.output, account, server);
    return roles::exit_ok;
}

Result<int> update(const roles::Environment& environment, const Options& options, Server& server) {
    json::Object body;
    if (options.min_balance_cents) body.emplace_back("min_balance_cents", *options.min_balance_cents);
    if (options.max_balance_cents) body.emplace_back("max_balance_cents", *options.max_balance_cents);
    if (options.no_max_balance) body.emplace_back("max_balance_cents", json::Value());
    if (!options.metadata.is_null()) body.emplace_back("metadata", options.metadata);
    if (options.no_metadata) body.emplace_back("metadata", json::Value());
    if (body.empty())
        return failure(Disposition::refuse, std::string(roles::bad_usage),
                       "say what to change: --min-balance-cents, --max-balance-cents, --no-max-balance, --metadata or "
                       "--no-metadata");
    return send(environment, options, server, std::move(body));
}

Result<int> changes(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const std::string id, resolve_account(server, options.account));
    LEDGERLINE_CHECK(print_pages(environment, options.output, server,
                                 {.path = "/v1/accounts/" + id + "/changes",
                                  .member = "changes",
                                  .limit = options.limit,
                                  .fields = kChangeFields}));
    return roles::exit_ok;
}

void declare_account(Command& command, Options& options) {
    command.positional("ACCOUNT", "The account's id or reference", options.account);
}

void declare_status(Command& family, const roles::Environment& environment, const char* name, const char* description,
                    const char* status) {
    Command command = family.add(name, description);
    const auto options = declare_server_command<Options>(
        command, environment, [status](const roles::Environment& e, const Options& o, Server& s) {
            return send(e, o, s, {{"status", status}});
        });
    declare_account(command, *options);
    declare_operator(command, options->operator_name, options->reason);
}

void declare_update(Command& family, const roles::Environment& environment) {
    Command command = family.add("update", "Change an account's limits and metadata");
    const auto options = declare_server_command<Options>(command, environment, update);
    declare_account(command, *options);
    command.option({"--min-balance-cents", "CENTS", "The floor that a debit may not cross", no_variable},
                   options->min_balance_cents, min_balance_cents_min, balance_cents_max);
    command.option({"--max-balance-cents", "CENTS", "The ceiling that a credit may not cross", no_variable},
                   options->max_balance_cents, min_balance_cents_min, balance_cents_max);
    command.flag({"--no-max-balance", "", "Lift the ceiling", no_variable}, options->no_max_balance);
    command.alternatives("--max-balance-cents", "--no-max-balance");
    declare_metadata(command, options->metadata);
    command.flag({"--no-metadata", "", "Remove the metadata", no_variable}, options->no_metadata);
    command.alternatives("--metadata", "--no-metadata");
    declare_operator(command, options->operator_name, options->reason);
    command.notes(
        "What is not named stays. --metadata replaces the whole object.\n\n"
        "Example:\n  ledgerline accounts update alice --max-balance-cents 500000 --reason \"ticket 7\"");
}

void declare_changes(Command& family, const roles::Environment& environment) {
    Command command = family.add("changes", "Print how an account was changed, newest change first");
    const auto options = declare_server_command<Options>(command, environment, changes);
    declare_account(command, *options);
    command.option({"--limit", "N", "Print at most this many", no_variable}, options->limit, 1, list_limit_max);
}

}  // namespace

void declare_account_changes(Command& accounts, const roles::Environment& environment) {
    declare_status(accounts, environment, "suspend", "Refuse all further debits and credits of an account",
                   "SUSPENDED");
    declare_status(accounts, environment, "activate", "Lift a suspension", "ACTIVE");
    declare_status(accounts, environment, "close", "Close an empty account for good", "CLOSED");
    declare_update(accounts, environment);
    declare_changes(accounts, environment);
}

}  // namespace ledgerline::cli
