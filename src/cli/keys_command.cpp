#include "base/money.h"
#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/made_secret.h"
#include "cli/operator_option.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "http/scope.h"
#include "http/token_bucket.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kOverlapMax{std::int64_t{30} * 24 * 3600 * 1000};

struct Options {
    ServerOptions server;
    OutputOptions output;
    std::string id, name, key_file, expires_at, subject, key_id;
    std::vector<std::string> scopes, networks;
    std::optional<std::int64_t> amount_cents_max, requests_per_second, transactions_per_second;
    bool may_overdraw = false, may_credit_external = false;
    std::optional<milliseconds> overlap;
    std::string operator_name = user_name();
    std::string reason;
    std::int64_t limit = 50;
};

const Field kKeyFields[] = {{"id", "id"},
                            {"name", "name"},
                            {"scopes", "scopes"},
                            {"created_at", "created_at"},
                            {"expires_at", "expires_at"},
                            {"revoked_at", "revoked_at"},
                            {"last_used_at", "last_used_at"}};

const Field kAuditFields[] = {{"at", "at"},
                              {"action", "action"},
                              {"subject", "subject"},
                              {"key_id", "key_id"},
                              {"operator", "operator"},
                              {"peer", "peer"},
                              {"request_id", "request_id"},
                              {"reason", "reason"},
                              {"before", "before"},
                              {"after", "after"}};

Result<int> print_made(const roles::Environment& environment, const Options& options, Server& server,
                       const std::string& path, json::Object body) {
    return print_made(environment, options.output, server,
                      {.path = path,
                       .body = std::move(body),
                       .operator_name = options.operator_name,
                       .member = "key",
                       .flag = "--key-file",
                       .file = options.key_file});
}

json::Array array_of(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

Result<int> create(const roles::Environment& environment, const Options& options, Server& server) {
    json::Object body{{"name", options.name},
                      {"scopes", array_of(options.scopes)},
                      {"may_overdraw", options.may_overdraw},
                      {"may_credit_external", options.may_credit_external}};
    if (!options.networks.empty()) body.emplace_back("networks", array_of(options.networks));
    if (options.amount_cents_max) body.emplace_back("amount_cents_max", *options.amount_cents_max);
    if (options.requests_per_second) body.emplace_back("requests_per_second", *options.requests_per_second);
    if (options.transactions_per_second) body.emplace_back("transactions_per_second", *options.transactions_per_second);
    if (!options.expires_at.empty()) body.emplace_back("expires_at", options.expires_at);
    return print_made(environment, options, server, "/v1/keys", std::move(body));
}

Result<int> rotate(const roles::Environment& environment, const Options& options, Server& server) {
    json::Object body;
    if (options.overlap) body.emplace_back("overlap_s", options.overlap->count() / 1000);
    if (!options.reason.empty()) body.emplace_back("reason", options.reason);
    return print_made(environment, options, server, "/v1/keys/" + options.id + "/rotate", std::move(body));
}

Result<int> revoke(const roles::Environment& environment, const Options& options, Server& server) {
    json::Object body;
    if (!options.reason.empty()) body.emplace_back("reason", options.reason);
    LEDGERLINE_TRY(const json::Value key, server.send("POST", "/v1/keys/" + options.id + "/revoke", std::move(body),
                                                      "id", operator_header(options.operator_name)));
    print_object(environment, options.output, key);
    return roles::exit_ok;
}

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_CHECK(print_pages(environment, options.output, server,
                                 {.path = "/v1/keys", .member = "keys", .limit = options.limit, .fields = kKeyFields}));
    return roles::exit_ok;
}

Result<int> audit(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_CHECK(print_pages(environment, options.output, server,
                                 {.path = "/v1/audit",
                                  .filters = query_of("subject", options.subject) + query_of("key_id", options.key_id),
                                  .member = "audit",
                                  .limit = options.limit,
                                  .fields = kAuditFields}));
    return roles::exit_ok;
}

void declare_made(Command& command, Options& options) {
    command.option(
        {"--key-file", "FILE",
         "New file for the key, which only its owner may read; without it the key is printed, once", no_variable},
        options.key_file);
}

void declare_create(Command& family, const roles::Environment& environment) {
    Command command = family.add("create", "Make a key; the first one must have the scope admin");
    const auto options = declare_server_command<Options>(command, environment, create);
    command.positional("NAME", "What it is for; unique among the keys that are not revoked", options->name);
    std::string scopes;
    for (const http::NamedScope& each : http::named_scopes)
        scopes += (scopes.empty() ? "" : ", ") + std::string(each.name);
    command.option({"--scope", "SCOPE", "What it may do; repeatable: " + scopes, no_variable, true}, options->scopes);
    command.option({"--network", "NETWORK", "From where it may be used, such as 10.0.0.0/8; repeatable", no_variable},
                   options->networks);
    declare_time(command, environment.clock, "--expires-at", "When it ends", options->expires_at);
    command.option(
        {"--max-amount-cents", "CENTS", "What one transaction may move at most, in any currency", no_variable},
        options->amount_cents_max, 1, amount_cents_max);
    command.flag({"--may-overdraw", "", "It may give accounts a floor below 0", no_variable}, options->may_overdraw);
    command.flag({"--may-credit-external", "", "It may bring in money from the outside world", no_variable},
                 options->may_credit_external);
    command.option({"--requests-per-second", "N", "Requests in each instance", no_variable},
                   options->requests_per_second, 1, http::TokenBucket::per_second_max);
    command.option({"--transactions-per-second", "N", "Transactions in each instance", no_variable},
                   options->transactions_per_second, 1, http::TokenBucket::per_second_max);
    declare_made(command, *options);
    command.notes(
        "Examples:\n"
        "  ledgerline keys create operators --scope admin --key-file admin.key\n"
        "  ledgerline keys create shop --scope accounts:read --scope transactions:write --max-amount-cents 100000");
}

void declare_id(Command& command, Options& options) {
    command.positional("ID", "The key's id", options.id, uuid_rule);
    declare_operator(command, options.operator_name, options.reason);
}

}  // namespace

void declare_keys(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("keys", "Make, list, rotate and revoke API keys");
    declare_create(family, environment);

    Command list_command = family.add("list", "List keys, newest first");
    const auto listed = declare_server_command<Options>(list_command, environment, list, Formats::list);
    list_command.option({"--limit", "N", "Print at most this many", no_variable}, listed->limit, 1, list_limit_max);

    Command rotate_command = family.add("rotate", "Give a key a new text; the old one is taken for a while");
    const auto rotated = declare_server_command<Options>(rotate_command, environment, rotate);
    declare_id(rotate_command, *rotated);
    rotate_command.option({"--overlap", "TIME", "How long the old text is taken as well; without it, 24h", no_variable},
                          rotated->overlap, milliseconds(0), kOverlapMax);
    declare_made(rotate_command, *rotated);

    Command revoke_command = family.add("revoke", "End a key for good, on every instance within 5 seconds");
    const auto revoked = declare_server_command<Options>(revoke_command, environment, revoke);
    declare_id(revoke_command, *revoked);
}

void declare_audit(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("audit", "List who changed what, and who was not let in, newest first");
    const auto options = declare_server_command<Options>(command, environment, audit, Formats::list);
    command.option({"--subject", "ID", "Only about this account, dead letter or key", no_variable}, options->subject);
    command.option({"--key", "ID", "Only by this key", no_variable}, options->key_id);
    command.alternatives("--subject", "--key");
    command.option({"--limit", "N", "Print at most this many", no_variable}, options->limit, 1, list_limit_max);
    command.notes("'ledgerline verify' proves that no row was changed, inserted or left out.");
}

}  // namespace ledgerline::cli
