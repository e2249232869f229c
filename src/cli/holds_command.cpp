#include <fmt/format.h>

#include "cli/amounts.h"
#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/posting.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kExpiryMax{std::int64_t{90} * 24 * 3600 * 1000};

struct Options : PostingOptions {
    std::string hold;
    std::string account;
    std::string state;
    std::string currency;
    std::string to;
    AmountOptions amount;
    std::optional<milliseconds> expires_in;
    bool keep_open = false;
    std::int64_t limit = 50;
    bool follow = false;
};

const Field kHoldFields[] = {{"id", "id"},
                             spare({"account_id", "account_id"}),
                             amount_field("amount"),
                             {"state", "state"},
                             amount_field("captured"),
                             spare(amount_field("released")),
                             spare({"expires_at", "expires_at"})};

std::string path_of(const Options& options, std::string_view call = "") {
    return fmt::format("/v1/holds/{}{}", http::percent_encode(options.hold), call);
}

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    std::string id;
    if (!options.account.empty()) {
        LEDGERLINE_TRY(id, resolve_account(server, options.account));
    }
    LEDGERLINE_CHECK(print_pages(environment, options.output, server,
                                 {.path = "/v1/holds",
                                  .filters = query_of("account_id", id) + query_of("state", options.state),
                                  .member = "holds",
                                  .limit = options.limit,
                                  .fields = kHoldFields,
                                  .follow = options.follow}));
    return roles::exit_ok;
}

Result<int> get(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value hold, server.get(path_of(options), "id"));
    print_answer(environment, options.output, hold, server);
    return roles::exit_ok;
}

// Where captures go.
Result<void> add_receiver(const Options& options, Server& server, json::Object& body) {
    if (options.to.empty()) return {};
    LEDGERLINE_TRY(const std::string id, resolve_account(server, options.to));
    body.emplace_back("to_account_id", id);
    return {};
}

Result<int> create(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const std::string account_id, resolve_account(server, options.account));
    LEDGERLINE_TRY(const std::int64_t cents, cents_of(options.amount, options.currency, server));
    json::Object body = {{"account_id", account_id}, {"amount_cents", cents}, {"currency", options.currency}};
    if (options.expires_in)
        body.emplace_back("expires_in_s", std::chrono::ceil<std::chrono::seconds>(*options.expires_in).count());
    LEDGERLINE_CHECK(add_receiver(options, server, body));
    return send_posting(environment, options, server, "/v1/holds", std::move(body));
}

// Without --currency: it is the hold's.
Result<std::int64_t> captured_cents(const Options& options, Server& server) {
    if (options.amount.cents) return *options.amount.cents;
    LEDGERLINE_TRY(const json::Value hold, server.get(path_of(options), "currency"));
    return cents_of(options.amount, text_of(hold, "currency"), server);
}

Result<int> capture(const roles::Environment& environment, const Options& options, Server& server) {
    json::Object body = {{"final", !options.keep_open}};
    if (options.amount.is_given()) {
        LEDGERLINE_TRY(const std::int64_t cents, captured_cents(options, server));
        body.emplace_back("amount_cents", cents);
    }
    LEDGERLINE_CHECK(add_receiver(options, server, body));
    return send_posting(environment, options, server, path_of(options, "/capture"), std::move(body));
}

Result<int> release(const roles::Environment& environment, const Options& options, Server& server) {
    return send_posting(environment, options, server, path_of(options, "/release"), {});
}

void declare_create(Command& family, const roles::Environment& environment) {
    Command command = family.add("create", "Set an amount of an account aside");
    const auto options = declare_server_command<Options>(command, environment, create);
    command.option({"--account", "ACCOUNT", "The account's id or reference", no_variable, true}, options->account);
    declare_amount(command, options->amount, amount_is_required);
    declare_currency(command, options->currency, "The account's currency, such as EUR", true);
    command.option(
        {"--to", "ACCOUNT", "Where captures go: an id or reference; without it, the outside world", no_variable},
        options->to);
    command.option({"--expires-in", "TIME", "When it is released by itself; without it, after 7 days", no_variable},
                   options->expires_in, milliseconds(1000), kExpiryMax);
    declare_posting(command, *options, "acts");
    command.notes(
        "Example:\n"
        "  ledgerline holds create --account alice --amount 12.50 --currency EUR --key order-7\n\n"
        "Exit code 1 if the hold was refused or is FAILED.");
}

}  // namespace

void declare_holds(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("holds", "List, show, create, capture and release holds");
    family.alias("hold");
    Command list_command = family.add("list", "List holds, newest first");
    const auto listed = declare_server_command<Options>(list_command, environment, list, Formats::list);
    list_command.option({"--account", "ACCOUNT", "Only holds of the account with this id or reference", no_variable},
                        listed->account);
    list_command.choice({"--state", "", "Only holds in this state", no_variable}, listed->state,
                        {"PENDING", "OPEN", "CAPTURED", "RELEASED", "EXPIRED", "FAILED"});
    list_command.option({"--limit", "N", "Print at most this many", no_variable}, listed->limit, 1, list_limit_max);
    declare_follow(list_command, listed->follow);
    list_command.alternatives("--follow", "--state",
                              "a hold comes to a state at any time; 'ledgerline events -f' tells of it");

    Command get_command = family.add("get", "Show one hold");
    get_command.alias("show");
    const auto shown = declare_server_command<Options>(get_command, environment, get);
    get_command.positional("ID", "The hold's id", shown->hold, uuid_rule);

    declare_create(family, environment);

    Command capture_command = family.add("capture", "Take all or a part of a hold");
    const auto captured = declare_server_command<Options>(capture_command, environment, capture);
    capture_command.positional("ID", "The hold's id", captured->hold, uuid_rule);
    declare_amount(capture_command, captured->amount, "without an amount, all that is left");
    capture_command.option({"--to", "ACCOUNT", "In place of the hold's: an id or reference", no_variable},
                           captured->to);
    capture_command.flag({"--keep-open", "", "Leave the rest open for further captures", no_variable},
                         captured->keep_open);
    declare_posting(capture_command, *captured, "acts");

    Command release_command = family.add("release", "Give back what is left of a hold");
    const auto released = declare_server_command<Options>(release_command, environment, release);
    release_command.positional("ID", "The hold's id", released->hold, uuid_rule);
    declare_posting(release_command, *released, "acts");
}

}  // namespace ledgerline::cli
