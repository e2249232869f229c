#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/operator_option.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

struct Options {
    ServerOptions server;
    OutputOptions output;
    std::string name;
    std::string operator_name = user_name();
    std::int64_t limit = 50;
};

const Field kTenantFields[] = {{"name", "name"}, {"created_at", "created_at"}};

Result<int> create(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value tenant, server.send("PUT", "/v1/tenants/" + options.name, {}, "name",
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

}  // namespace

void declare_tenants(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("tenants", "Make and list tenants, whose accounts are apart from one another");

    Command create_command = family.add("create", "Make a tenant, unless there is one of that name");
    const auto created = declare_server_command<Options>(create_command, environment, create);
    create_command.positional("NAME", "Lower-case letters and digits, with hyphens between them", created->name,
                              tenant_rule);
    create_command.notes(
        "Examples:\n"
        "  ledgerline tenants create acme\n"
        "  ledgerline keys create --tenant acme shop --scope admin --key-file acme.key");

    Command list_command = family.add("list", "List tenants, newest first");
    const auto listed = declare_server_command<Options>(list_command, environment, list, Formats::list);
    list_command.option({"--limit", "N", "Print at most this many", no_variable}, listed->limit, 1, list_limit_max);
}

}  // namespace ledgerline::cli
