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
    std::string id, reason;
    std::string operator_name = user_name();
    bool all = false;
    std::int64_t limit = 50;
};

const Field kFields[] = {{"id", "id"},
                         {"action", "action"},
                         {"subject", "subject"},
                         {"state", "state"},
                         {"requested_by", "requested_by"},
                         {"requested_operator", "operator"},
                         {"created_at", "created_at"},
                         {"expires_at", "expires_at"},
                         {"decided_by", "decided_by"}};

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_CHECK(print_pages(environment, options.output, server,
                                 {.path = "/v1/approvals",
                                  .filters = query_of("state", options.all ? "" : "PENDING"),
                                  .member = "approvals",
                                  .limit = options.limit,
                                  .fields = kFields}));
    return roles::exit_ok;
}

Result<int> get(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value approval, server.get("/v1/approvals/" + options.id, "id"));
    print_object(environment, options.output, approval);
    return roles::exit_ok;
}

Result<int> decide(const roles::Environment& environment, const Options& options, Server& server,
                   const std::string& verb) {
    json::Object body;
    if (!options.reason.empty()) body.emplace_back("reason", options.reason);
    LEDGERLINE_TRY(const json::Value approval,
                   server.send("POST", "/v1/approvals/" + options.id + '/' + verb, std::move(body), "id",
                               operator_header(options.operator_name)));
    print_object(environment, options.output, approval);
    return roles::exit_ok;
}

void declare_decision(Command& family, const roles::Environment& environment, const std::string& verb,
                      const std::string& description) {
    Command command = family.add(verb, description);
    const auto work = [verb](const roles::Environment& to, const Options& options, Server& server) {
        return decide(to, options, server, verb);
    };
    const auto options = declare_server_command<Options>(command, environment, work);
    command.positional("ID", "The approval's id", options->id, uuid_rule);
    declare_operator(command, options->operator_name, options->reason);
}

}  // namespace

void declare_approvals(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("approvals", "What waits for the approval of another API key (--require-approval)");
    Command list_command = family.add("list", "List what waits, newest first");
    const auto listed = declare_server_command<Options>(list_command, environment, list, Formats::list);
    list_command.flag({"--all", "", "Also what is decided or has expired", no_variable}, listed->all);
    list_command.option({"--limit", "N", "Print at most this many", no_variable}, listed->limit, 1, list_limit_max);
    Command get_command = family.add("get", "Show one, with the whole request");
    const auto shown = declare_server_command<Options>(get_command, environment, get);
    get_command.positional("ID", "The approval's id", shown->id, uuid_rule);
    declare_decision(family, environment, "approve", "Approve it, and have it done at once");
    declare_decision(family, environment, "reject", "Reject it, or take one's own request back");
}

}  // namespace ledgerline::cli
