#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "cli/secrets.h"

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

std::vector<std::string> commands_of(const CLI::App& level) {
    std::vector<std::string> names;
    for (const CLI::App* command : level.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(command->get_name());
        names.insert(names.end(), command->get_aliases().begin(), command->get_aliases().end());
    }
    return names;
}

std::vector<std::string> flags_of(const CLI::App& level) {
    std::vector<std::string> names;
    for (const CLI::Option* option : level.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    return names;
}

void complain(CommandWords& words, std::string_view kind, const std::string& typed,
              const std::vector<std::string>& known) {
    const auto meant = closest(typed, known);
    const std::string shown = without_secrets(typed);
    words.complaint =
        meant ? fmt::format("{}: there is no {} '{}'. Did you mean '{}'?", words.command, kind, shown, *meant)
              : fmt::format("{}: there is no {} '{}' (see {} --help)", words.command, kind, shown, words.command);
}

// Whether the next argument is this flag's value.
bool step_flag(CommandWords& words, const std::string& argument) {
    const std::string name = flag_name_of(argument);
    const CLI::Option* option = words.level->get_option_no_throw(name);
    if (!option) {
        complain(words, "flag", name, flags_of(*words.level));
        return false;
    }
    words.flags.push_back(option->get_lnames().empty() ? name : "--" + option->get_lnames().front());
    return value_follows(*option, argument);
}

void step_word(CommandWords& words, const std::string& word) {
    const std::vector<std::string> commands = commands_of(*words.level);
    if (commands.empty()) return;
    const CLI::App* command = command_named(*words.level, word);
    if (!command) return complain(words, "command", word, commands);
    words.level = command;
    words.command += " " + command->get_name();
}

struct Unit {
    std::string_view suffix;
    std::int64_t ms;
};
// Largest first.
constexpr Unit kUnits[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

constexpr std::size_t kHelpColumn = 34;
constexpr std::size_t kHelpWidth = 76;  // of the right column

std::string wrapped(const std::string& text, std::size_t width) {
    std::string out;
    std::size_t line = 0;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find(' ', at), text.size());
        // "env: NAME" stays together.
        if (end < text.size() && text[end - 1] == ':') end = std::min(text.find(' ', end + 1), text.size());
        if (line > 0 && line + 1 + (end - at) > width) out += '\n', line = 0;
        if (line > 0) out += ' ', ++line;
        out.append(text, at, end - at);
        line += end - at;
        at = end + 1;
    }
    return out;
}

class HelpFormatter final : public CLI::Formatter {
public:
    HelpFormatter() {
        column_width(kHelpColumn);
        label("OPTIONS", "options");
        label("SUBCOMMAND", "command");
        label("SUBCOMMANDS", "command");
        label("Positionals", "Arguments");
    }
    std::string make_option_opts(const CLI::Option* option) const override {
        return option->get_option_text().empty() ? "" : " " + option->get_option_text();
    }
    std::string make_option_desc(const CLI::Option* option) const override {
        return wrapped(option->get_description(), kHelpWidth);
    }
};

}  // namespace

bool is_flag(const std::string& argument) { return argument.size() > 1 && argument.front() == '-'; }

std::string flag_name_of(const std::string& argument) {
    return argument.starts_with("--") ? argument.substr(0, argument.find('=')) : argument.substr(0, 2);
}

bool value_follows(const CLI::Option& flag, const std::string& argument) {
    const bool carries_value = argument.starts_with("--") ? argument.contains('=') : argument.size() > 2;
    return flag.get_items_expected_max() > 0 && !carries_value;
}

const CLI::App* command_named(const CLI::App& level, const std::string& name) {
    const auto named = level.get_subcommands([&](const CLI::App* command) { return command->check_name(name); });
    return named.empty() ? nullptr : named.front();
}

const CLI::Option* flag_named(const CLI::App& level, const std::string& name) {
    if (const CLI::Option* own = level.get_option_no_throw(name)) return own;
    for (const CLI::App* command : level.get_subcommands([](const CLI::App*) { return true; }))
        if (const CLI::Option* flag = flag_named(*command, name)) return flag;
    return nullptr;
}

std::vector<std::string> arranged(const CLI::App& root, std::vector<std::string> arguments) {
    if (!arguments.empty() && arguments.front() == help_command) {
        arguments.erase(arguments.begin());
        arguments.emplace_back("--help");
    }
    std::vector<std::string> words, early;  // early: flags of a command that is not named yet
    const CLI::App* level = &root;
    std::size_t at = 0;
    while (at < arguments.size() && arguments[at] != "--" && !commands_of(*level).empty()) {
        const std::string& argument = arguments[at];
        if (is_flag(argument)) {
            const std::string name = flag_name_of(argument);
            const CLI::Option* flag = flag_named(*level, name);
            std::vector<std::string>& place = flag && !level->get_option_no_throw(name) ? early : words;
            place.push_back(argument);
            if (flag && value_follows(*flag, argument) && at + 1 < arguments.size()) place.push_back(arguments[++at]);
        } else {
            const CLI::App* command = command_named(*level, argument);
            if (!command) break;
            level = command;
            words.push_back(argument);
        }
        ++at;
    }
    // Without a command there is nothing to which they could belong.
    if (commands_of(*level).empty()) words.insert(words.end(), early.begin(), early.end());
    words.insert(words.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
    return words;
}

CommandWords follow(const CLI::App& root, const std::vector<std::string>& arguments) {
    CommandWords words{&root, root.get_name(), {}, {}, false};
    for (std::size_t i = 0; i < arguments.size() && words.complaint.empty(); ++i) {
        const std::string& argument = arguments[i];
        if (argument == "--") break;
        if (is_flag(argument)) {
            if (step_flag(words, argument)) ++i;
        } else {
            step_word(words, argument);
        }
    }
    words.lacks_command = !commands_of(*words.level).empty();
    return words;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows of the table are enough: a swap refers to the row two back.
    std::vector<std::size_t> two_back, previous(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({replaced, previous[j] + 1, current[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = std::min(current[j], two_back[j - 2] + 1);
        }
        two_back = previous;
        std::swap(previous, current);
    }
    return previous[b.size()];
}

std::optional<std::string> closest(std::string_view typed, std::span<const std::string> candidates) {
    const std::string* best = nullptr;
    std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(typed, candidate);
        if (distance < best_distance) best = &candidate, best_distance = distance;
    }
    if (best) return *best;

    const auto begins = [&](const std::string& candidate) { return candidate.starts_with(typed); };
    if (typed.empty() || std::count_if(candidates.begin(), candidates.end(), begins) != 1) return std::nullopt;
    return *std::find_if(candidates.begin(), candidates.end(), begins);
}

std::optional<milliseconds> parse_duration(std::string_view text) {
    std::int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, count);
    if (parsed.ec != std::errc() || count < 0) return std::nullopt;
    const std::string_view suffix(parsed.ptr, end);
    for (const Unit& unit : kUnits) {
        if (suffix != unit.suffix && !(suffix.empty() && unit.suffix == "s")) continue;
        if (count > duration_max.count() / unit.ms) return std::nullopt;
        return milliseconds(count * unit.ms);
    }
    return std::nullopt;
}

std::string format_duration(milliseconds duration) {
    for (const Unit& unit : kUnits)
        if (duration.count() > 0 && duration.count() % unit.ms == 0)
            return std::to_string(duration.count() / unit.ms).append(unit.suffix);
    return std::to_string(duration.count() / 1000).append("s");
}

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

bool is_service_variable(std::string_view name) {
    if (name.ends_with("_SERVICE_HOST") || name.ends_with("_PORT") || name.contains("_SERVICE_PORT_")) return true;
    for (auto at = name.find(kPort); at != std::string_view::npos; at = name.find(kPort, at + 1))
        if (is_port_and_protocol(name.substr(at + kPort.size()))) return true;
    return false;
}

}  // namespace ledgerline::cli
