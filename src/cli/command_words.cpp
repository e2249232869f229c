#include "cli/command_words.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/secrets.h"
#include "cli/suggest.h"

namespace ledgerline::cli {
namespace {

std::vector<std::string> commands_of(const CLI::App& level) {
    std::vector<std::string> names;
    for (const CLI::App* command : level.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(command->get_name());
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
    const bool is_long = argument.starts_with("--");
    const std::string name = is_long ? argument.substr(0, argument.find('=')) : argument.substr(0, 2);
    const CLI::Option* option = words.level->get_option_no_throw(name);
    if (!option) {
        complain(words, "flag", name, flags_of(*words.level));
        return false;
    }
    words.flags.push_back(name);
    const bool carries_value = is_long ? argument.contains('=') : argument.size() > 2;
    return option->get_items_expected_max() > 0 && !carries_value;
}

void step_word(CommandWords& words, const std::string& word) {
    const std::vector<std::string> commands = commands_of(*words.level);
    if (commands.empty()) return;
    const auto named =
        words.level->get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
    if (named.empty()) return complain(words, "command", word, commands);
    words.level = named.front();
    words.command += " " + word;
}

}  // namespace

CommandWords follow(const CLI::App& root, const std::vector<std::string>& arguments) {
    CommandWords words{&root, root.get_name(), {}, {}, false};
    for (std::size_t i = 0; i < arguments.size() && words.complaint.empty(); ++i) {
        const std::string& argument = arguments[i];
        if (argument == "--") break;
        if (argument.size() > 1 && argument.front() == '-') {
            if (step_flag(words, argument)) ++i;
        } else {
            step_word(words, argument);
        }
    }
    words.lacks_command = !commands_of(*words.level).empty();
    return words;
}

}  // namespace ledgerline::cli
