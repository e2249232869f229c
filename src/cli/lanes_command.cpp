#include <fmt/format.h>

#include "cli/cli.h"
#include "cli/lane_text.h"
#include "cli/server_command.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

struct Options {
    ServerOptions server;
    OutputOptions output;
};

const Field kLaneFields[] = {{"lane", "lane", Align::right},
                             spare({"last_seq", "last_seq", Align::right}),
                             spare({"published_seq", "published_seq", Align::right}),
                             {"applied_seq", "applied_seq", Align::right},
                             {"oldest_waiting_age_ms", "oldest_ms", Align::right},
                             spare({"owner", "owner"}),
                             {"halts", "halts"},
                             {"waits_for", "waits_for"},
                             {"last_error", "last_error"}};

// "apply at 17: not_proven: ..., since 2026-01-02T03:04:05.000000Z", for a table cell.
std::string text_of_halts(const json::Value& lane) {
    std::string text;
    const json::Value* halts = lane.find("halts");
    if (!halts || !halts->if_array()) return text;
    for (const json::Value& halt : *halts->if_array()) {
        if (!text.empty()) text += "; ";
        text += fmt::format("{} at {}: {}: {}, since {}", text_of(halt, "stage"), cell_of(halt.find("seq")),
                            text_of(halt, "code"), text_of(halt, "reason"), text_of(halt, "since"));
    }
    return text;
}

void write_as_text(json::Array& lanes) {
    for (json::Value& lane : lanes) {
        const std::string halts = text_of_halts(lane), wait = text_of_wait(lane);
        for (auto& [name, value] : *lane.if_object()) {
            if (name == "halts") value = halts;
            if (name == "waits_for") value = wait;
        }
    }
}

Result<int> lanes(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value answer, server.get("/v1/lanes", "lanes"));
    LEDGERLINE_TRY(json::Array lanes, server.objects_of(answer, "lanes"));
    if (!options.output.documents()) write_as_text(lanes);
    print_list(environment, options.output, kLaneFields, lanes, "lanes");
    return roles::exit_ok;
}

}  // namespace

void declare_lanes(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("lanes", "Show the position of intake, publisher and worker in each lane");
    command.alias("lane");
    declare_server_command<Options>(command, environment, lanes, Formats::list);
}

}  // namespace ledgerline::cli
