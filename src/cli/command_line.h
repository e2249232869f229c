// The text of a command line and its environment: which command its words name, what a mistyped word was meant to be,
// durations, which variables are no settings, and how --help is laid out.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace CLI {
class App;
class FormatterBase;
class Option;
}  // namespace CLI

namespace ledgerline::cli {

struct CommandWords {
    const CLI::App* level;  // the innermost command named
    std::string command;    // its full name: "ledgerline accounts show"
    std::string complaint;  // one line about an unknown command or flag, with the one that was probably meant
    std::vector<std::string> flags = {};  // by their long names, without values
    bool lacks_command = false;           // the level is a family, and none of its commands is named

    bool names_flag(const std::string& flag) const { return std::ranges::find(flags, flag) != flags.end(); }
};

inline constexpr std::string_view help_command = "help";

// The arguments in the parser's order: "help tx" becomes "tx --help", and flags that stand before the command to which
// they belong come behind its name.
std::vector<std::string> arranged(const CLI::App& root, std::vector<std::string> arguments);

// The command below this level with that name or alias; null when there is none.
const CLI::App* command_named(const CLI::App& level, const std::string& name);
// The flag with that name, of this level or else of any command below it; null when there is none.
const CLI::Option* flag_named(const CLI::App& level, const std::string& name);
// "--url" of "--url=x", "-o" of "-ojson".
std::string flag_name_of(const std::string& argument);
bool is_flag(const std::string& argument);
// Whether the argument after this one, which names the flag, is its value.
bool value_follows(const CLI::Option& flag, const std::string& argument);

// Follows the arguments down the levels of the command line, as the parser will. Stops at the first complaint.
CommandWords follow(const CLI::App& root, const std::vector<std::string>& arguments);

// The number of letters to insert, remove, replace or swap with a neighbour to turn a into b (no part is edited twice).
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that was most likely meant: the nearest one within a third of the typed word's length (at least one
// edit), or else the only one that starts with the typed word. Empty when none is near enough.
std::optional<std::string> closest(std::string_view typed, std::span<const std::string> candidates);

// Durations: "500ms", "30s", "10m", "2h"; a plain number is seconds.
inline constexpr milliseconds duration_max = std::chrono::hours(24 * 365);

// Empty when the text is not a duration, negative, or longer than duration_max.
std::optional<milliseconds> parse_duration(std::string_view text);
// In the largest unit that divides it.
std::string format_duration(milliseconds duration);

// Whether name is one of the variables that Kubernetes sets in every container for every service in its namespace, and
// Docker for every linked container: X_SERVICE_HOST, X_SERVICE_PORT, X_SERVICE_PORT_<NAME>, X_PORT or
// X_PORT_<N>_<TCP|UDP|SCTP>, the last possibly with _PROTO, _PORT or _ADDR. A service named kafka-ssl creates
// KAFKA_SSL_PORT, which is not a setting; no setting of Ledgerline has such a name.
bool is_service_variable(std::string_view name);

// How --help is laid out.
std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace ledgerline::cli
