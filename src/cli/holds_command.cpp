#include <fmt/format.h>

#include <algorithm>

#include "cli/amounts.h"
#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kWaitMax{30'000};  // of the API
constexpr milliseconds kExpiryMax{std::int64_t{90} * 24 * 3600 * 1000};

struct Options {
    ServerOptions server;
    OutputOptions output;
    std::string hold;
    std::string account;
    std::string state;
    std::string currency;
    std::string key;
    std::string to;
    std::string reference;
    json::Value metadata;
    AmountOptions amount;
    std::optional<milliseconds> expires_in;
    bool keep_open = false;
    std::int64_t limit = 50;
    milliseconds wait{10'000};
};

const Field kHoldFields[] = {{"id", "id"},
                             {"account_id", "account_id"},
                             amount_field("amount"),
                             {"state", "state"},
                             amount_field("captured"),
                             amount_field("released"),
                             {"expires_at", "expires_at"}};

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
                                  .fields = kHoldFields}));
    return roles::exit_ok;
}

Result<int> get(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value hold, server.get(path_of(options), "id"));
    print_answer(environment, options.output, hold, server);
    return roles::exit_ok;
}

// Posts what all calls have in common with body, and prints the answer, as far as it has come when the wait ends.
Result<int> send(const roles::Environment& environment, const Options& options, Server& server, const std::string& path,
                 json::Object body) {
    const std::string key = key_or_new(environment, options.key);
    body.emplace_back("idempotency_key", key);
    if (!options.to.empty()) {
        LEDGERLINE_TRY(const std::string id, resolve_account(server, options.to));
        body.emplace_back("to_account_id", id);
    }
    if (!options.reference.empty()) body.emplace_back("reference", options.reference);
    if (!options.metadata.is_null()) body.emplace_back("metadata", options.metadata);
    std::vector<http::Header> headers;
    if (options.wait.count() > 0) {
        headers.emplace_back("Prefer",
                             fmt::format("wait={}", std::chrono::ceil<std::chrono::seconds>(options.wait).count()));
        server.set_timeout(std::max(options.server.timeout, options.wait + options.server.timeout));
    }
    const auto posted = server.send("POST", path, json::Value(std::move(body)), "id", headers);
    if (!posted) return std::unexpected(with_key(posted.error(), "--key", key));
    print_answer(environment, options.output, *posted, server);
    return text_of(*posted, "status") == "FAILED" ? roles::exit_refused : roles::exit_ok;
}

Result<int> create(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const std::string account_id, resolve_account(server, options.account));
    LEDGERLINE_TRY(const std::int64_t cents, cents_of(options.amount, options.currency, server));
    json::Object body = {{"account_id", account_id}, {"amount_cents", cents}, {"currency", options.currency}};
    if (options.expires_in)
        body.emplace_back("expires_in_s", std::chrono::ceil<std::chrono::seconds>(*options.expires_in).count());
    return send(environment, options, server, "/v1/holds", std::move(body));
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
    return send(environment, options, server, path_of(options, "/capture"), std::move(body));
}

Result<int> release(const roles::Environment& environment, const Options& options, Server& server) {
    return send(environment, options, server, path_of(options, "/release"), {});
}

void declare_post(Command& command, Options& options) {
    declare_key(command, options.key, "acts");
    command.option({"--reference", "TEXT", "Your own name for it, which need not be unique", no_variable},
                   options.reference);
    declare_metadata(command, options.metadata);
    command.option({"--wait", "TIME", "How long to wait for the outcome; 0: do not wait", no_variable}, options.wait,
                   milliseconds(0), kWaitMax);
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
    declare_post(command, *options);
    command.notes(
        "Example:\n"
        "  ledgerline holds create --account alice --amount 12.50 --currency EUR --key order-7\n\n"
        "Exit code 1 if the hold was refused or is FAILED.");
}

}  // namespace

void declare_holds(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("holds", "List, show, create, capture and release holds");
    Command list_command = family.add("list", "List holds, newest first");
    const auto listed = declare_server_command<Options>(list_command, environment, list, Formats::table_json_csv);
    list_command.option({"--account", "ACCOUNT", "Only holds of the account with this id or reference", no_variable},
                        listed->account);
    list_command.choice({"--state", "", "Only holds in this state", no_variable}, listed->state,
                        {"PENDING", "OPEN", "CAPTURED", "RELEASED", "EXPIRED", "FAILED"});
    list_command.option({"--limit", "N", "Print at most this many", no_variable}, listed->limit, 1, list_limit_max);

    Command get_command = family.add("get", "Show one hold");
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
    declare_post(capture_command, *captured);

    Command release_command = family.add("release", "Give back what is left of a hold");
    const auto released = declare_server_command<Options>(release_command, environment, release);
    release_command.positional("ID", "The hold's id", released->hold, uuid_rule);
    declare_post(release_command, *released);
}

}  // namespace ledgerline::cli
