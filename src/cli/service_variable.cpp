#include "cli/service_variable.h"

#include <algorithm>

namespace ledgerline::cli {
namespace {

constexpr std::string_view kPort = "_PORT_";

// "9093_TCP_ADDR": the part after kPort.
bool is_port_and_protocol(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return false;
    text.remove_prefix(digits);
    for (const std::string_view protocol : {"_TCP", "_UDP", "_SCTP"}) {
        if (!text.starts_with(protocol)) continue;
        const std::string_view part = text.substr(protocol.size());
        return part.empty() || part == "_PROTO" || part == "_PORT" || part == "_ADDR";
    }
    return false;
}

}  // namespace

bool is_service_variable(std::string_view name) {
    if (name.ends_with("_SERVICE_HOST") || name.ends_with("_PORT") || name.contains("_SERVICE_PORT_")) return true;
    for (auto at = name.find(kPort); at != std::string_view::npos; at = name.find(kPort, at + 1))
        if (is_port_and_protocol(name.substr(at + kPort.size()))) return true;
    return false;
}

}  // namespace ledgerline::cli
