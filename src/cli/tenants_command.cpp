#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/operator_option.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "http/token_bucket.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

struct Options {
    ServerOptions server;
    OutputOptions output;
    std::string name;
    std::string operator_name = user_name();
    std::int64_t limit = 50;
    std::optional<std::int64_t> requests_per_second, transactions_per_second, request_kib_per_second, waiters_max;
    bool shared = false;
};

const Field kTenantFields[] = {{"name", "name"},
                               {"created_at", "created_at"},
                               {"requests_per_second", "requests_per_second"},
                               {"transactions_per_second", "transactions_per_second"},
                               {"request_kib_per_second", "request_kib_per_second"},
                               {"waiters_max", "waiters_max"},
                               {"shared", "shared"}};

Result<int> create(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value tenant, server.send("PUT", "/v1/tenants/" + options.name, {}, "name",
                                                         operator_header(options.operator_name)));
    print_object(environment, options.output, tenant);
    return roles::exit_ok;
}

Result<int> limit(const roles::Environment& environment, const Options& options, Server& server) {
    json::Object limits;
    const auto add = [&](std::string_view name, const std::optional<std::int64_t>& value) {
        if (value) limits.emplace_back(name, *value);
    };
    add("requests_per_second", options.requests_per_second);
    add("transactions_per_second", options.transactions_per_second);
    add("request_kib_per_second", options.request_kib_per_second);
    add("waiters_max", options.waiters_max);
    limits.emplace_back("shared", options.shared);
    LEDGERLINE_TRY(const json::Value tenant,
                   server.send("PUT", "/v1/tenants/" + options.name + "/limits", std::move(limits), "name",
                               operator_header(options.operator_name)));
    print_object(environment, options.output, tenant);
    return roles::exit_ok;
}

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_CHECK(
        print_pages(environment, options.output, server,
                    {.path = "/v1/tenants", .member = "tenants", .limit = options.limit, .fields = kTenantFields}));
    return roles::exit_ok;
}

void declare_limit(Command& family, const roles::Environment& environment) {
    Command command =
        family.add("limit", "Limit what a tenant may do, all its keys together; what is not named is unlimited");
    const auto options = declare_server_command<Options>(command, environment, limit);
    command.positional("NAME", "The tenant", options->name, tenant_rule);
    const auto declare = [&](const char* flag, const char* help, std::optional<std::int64_t>& value) {
        command.option({flag, "N", help, no_variable}, value, 1, http::TokenBucket::per_second_max);
    };
    declare("--requests-per-second", "Requests in each instance", options->requests_per_second);
    declare("--transactions-per-second", "Transactions in each instance", options->transactions_per_second);
    declare("--request-kib-per-second", "KiB of request bodies in each instance", options->request_kib_per_second);
    declare("--max-waiters", "Requests that wait for outcomes or events at a time, in each instance",
            options->waiters_max);
    command.flag({"--shared", "", "The limits are those of all instances together, which have even parts", no_variable},
                 options->shared);
    command.notes(
        "Examples:\n"
        "  ledgerline tenants limit acme --requests-per-second 200 --transactions-per-second 1000\n"
        "  ledgerline tenants limit acme   # no limit any more");
}

}  // namespace

void declare_tenants(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("tenants", "Make, limit and list tenants, whose accounts are apart from one another");

    Command create_command = family.add("create", "Make a tenant, unless there is one of that name");
    const auto created = declare_server_command<Options>(create_command, environment, create);
    create_command.positional("NAME", "Lower-case letters and digits, with hyphens between them", created->name,
                              tenant_rule);
    create_command.notes(
        "Examples:\n"
        "  ledgerline tenants create acme\n"
        "  ledgerline keys create --tenant acme shop --scope admin --key-file acme.key");

    declare_limit(family, environment);

    Command list_command = family.add("list", "List tenants, newest first");
    const auto listed = declare_server_command<Options>(list_command, environment, list, Formats::list);
    list_command.option({"--limit", "N", "Print at most this many", no_variable}, listed->limit, 1, list_limit_max);
}

}  // namespace ledgerline::cli
