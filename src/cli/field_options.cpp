#include "cli/field_options.h"

#include <fmt/format.h>

#include "base/money.h"
#include "base/uuid.h"

namespace ledgerline::cli {

std::string uuid_rule(const std::string& value) {
    return Uuid::parse(value) ? "" : "an id, a UUID in its 36-character form";
}

void declare_currency(Command& command, std::string& currency, const std::string& help, bool required) {
    command.parsed({"--currency", "CODE", help, no_variable, required}, currency,
                   [&currency](const std::string& value) -> std::string {
                       if (!is_currency(value)) return "an ISO 4217 currency code, such as EUR";
                       currency = value;
                       return "";
                   });
}

void declare_metadata(Command& command, json::Value& metadata) {
    command.parsed({"--metadata", "JSON", "An object to store with it", no_variable}, "",
                   [&metadata](const std::string& value) -> std::string {
                       auto parsed = json::parse(value);
                       if (!parsed) return fmt::format("a JSON object ({})", parsed.error().message);
                       if (!parsed->if_object()) return "a JSON object";
                       metadata = *std::move(parsed);
                       return "";
                   });
}

}  // namespace ledgerline::cli
