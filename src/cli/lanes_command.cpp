#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/server_command.h"

namespace ledgerline::cli {
namespace {

struct Options {
    ServerOptions server;
    OutputOptions output;
};

const Field kLaneFields[] = {{"lane", "lane", Align::right},
                             {"last_seq", "last_seq", Align::right},
                             {"published_seq", "published_seq", Align::right},
                             {"applied_seq", "applied_seq", Align::right},
                             {"oldest_waiting_age_ms", "oldest_waiting_age_ms", Align::right},
                             {"owner", "owner"},
                             {"last_error", "last_error"}};

Result<int> lanes(const Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value answer, server.get("/v1/lanes"));
    const json::Value* found = answer.find("lanes");
    if (!found || !found->if_array())
        return failure(Disposition::refuse, "bad_answer", "the server's answer has no member lanes");
    print_list(environment, options.output, kLaneFields, *found->if_array());
    return exit_ok;
}

}  // namespace

void declare_lanes(Command& parent, const Environment& environment) {
    Command command = parent.add("lanes", "Show how far intake, publisher and worker are in each lane");
    declare_server_command<Options>(command, environment, lanes);
}

}  // namespace ledgerline::cli
