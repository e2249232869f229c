#include "cli/commands.h"
#include "cli/server_command.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

struct Options {
    ServerOptions server;
    OutputOptions output;
};

Result<int> health(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value answer, server.get("/readyz", "status"));
    print_object(environment, options.output, answer);
    return roles::exit_ok;
}

}  // namespace

void declare_health(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("health", "Ask a role whether it is ready, and what is missing if not");
    declare_server_command<Options>(command, environment, health);
    command.notes("Exit code 3 if it is not ready or cannot be reached. Needs no API key.");
}

}  // namespace ledgerline::cli
