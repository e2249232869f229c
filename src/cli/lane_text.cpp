#include "cli/lane_text.h"

#include <fmt/format.h>

#include "cli/output.h"
#include "cli/server.h"

namespace ledgerline::cli {

std::string text_of_wait(const json::Value& lane) {
    const json::Value* wait = lane.find("waits_for");
    if (!wait || !wait->if_object()) return "";
    std::string text = fmt::format("lane {} at {} ({})", cell_of(wait->find("lane")), cell_of(wait->find("seq")),
                                   text_of(*wait, "event_id"));
    if (const std::string halt = text_of(*wait, "halt"); !halt.empty()) text += ", halted: " + halt;
    return text;
}

}  // namespace ledgerline::cli
