#include "cli/command.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <ranges>

#include "base/text.h"
#include "cli/command_line.h"
#include "cli/secrets.h"
#include "cli/terminal.h"
#include "db/rows.h"
#include "http/problem.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

std::string variable_of(const OptionText& text) {
    if (text.variable == no_variable) return "";
    if (!text.variable.empty()) return text.variable;
    std::string name = "LEDGERLINE_" + text.flags.substr(text.flags.rfind("--") + 2);
    for (char& c : name) c = c == '-' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    return name;
}

std::string name_of(const OptionText& text) { return text.flags.substr(text.flags.rfind("--")); }

// "How many rows (default: 500; env: LEDGERLINE_BATCH)"
std::string description_of(const OptionText& text, const std::string& default_text) {
    std::string facts;
    const auto add = [&](const std::string& fact) { facts += (facts.empty() ? "" : "; ") + fact; };
    if (text.required) add("required");
    if (!default_text.empty()) add("default: " + default_text);
    if (const std::string variable = variable_of(text); !variable.empty()) add("env: " + variable);
    return facts.empty() ? text.help : fmt::format("{} ({})", text.help, facts);
}

// Takes a value into target, or returns the rule that the value breaks.
using Take = std::function<std::string(const std::string&)>;

template <class Target>
Take take_number(Target& target, std::int64_t least, std::int64_t most) {
    return [&target, least, most](const std::string& value) -> std::string {
        const auto number = parse_integer<std::int64_t>(value);
        if (!number || *number < least || *number > most)
            return fmt::format("a whole number from {} to {}", least, most);
        const std::int64_t whole = *number;
        target = whole;
        return "";
    };
}

template <class Target>
Take take_duration(Target& target, milliseconds least, milliseconds most) {
    return [&target, least, most](const std::string& value) -> std::string {
        const auto duration = parse_duration(value);
        if (!duration || *duration < least || *duration > most)
            return fmt::format("a duration from {} to {}, such as 500ms, 30s, 10m or 2h", format_duration(least),
                               format_duration(most));
        target = *duration;
        return "";
    };
}

// File names may be any bytes; everything else is text.
bool names_file(std::string_view value_name) { return value_name == "FILE" || value_name == "DIR"; }

// Refuses values that are never allowed. An empty value is usually an unset variable of a script: read as "not given",
// it would widen a filter or open the API.
void check_text(const std::string& name, std::string_view value_name, const std::string& value) {
    if (value.empty()) throw CLI::ValidationError(name + " must not be empty");
    if (!names_file(value_name) && !is_utf8(value)) throw CLI::ValidationError(name + " must be valid UTF-8");
}

void refuse_unless_taken(const std::string& name, const std::string& value, const Command::Assign& assign) {
    if (const std::string rule = assign(value); !rule.empty())
        throw CLI::ValidationError(
            fmt::format("{} must be {}, not '{}'", name, rule, http::echo(without_secrets(value))));
}

}  // namespace

// Options ------------------------------------------------------------------------------------------------------------

// assign returns the rule that the value breaks, or "" when it has taken the value.
CLI::Option* Command::add_text(const OptionText& text, const std::string& default_text, Assign assign) {
    CLI::Option* option = app_->add_option_function<std::string>(
        text.flags,
        [name = name_of(text), kind = text.value, assign = std::move(assign)](const std::string& value) {
            check_text(name, kind, value);
            refuse_unless_taken(name, value, assign);
        },
        description_of(text, default_text));
    option->option_text(text.value)->required(text.required);
    set_variable(option, text);
    return option;
}

void Command::set_variable(CLI::Option* option, const OptionText& text) {
    std::string name = variable_of(text);
    if (name.empty()) return;
    LEDGERLINE_ASSERT(!is_service_variable(name));
    shared_->variables.push_back({app_, option, std::move(name)});
}

void Command::option(const OptionText& text, std::string& target) {
    add_text(text, target, [&target](const std::string& value) {
        target = value;
        return "";
    });
}

void Command::option(const OptionText& text, std::vector<std::string>& target) {
    CLI::Option* option = app_->add_option_function<std::vector<std::string>>(
        text.flags,
        [&target, name = name_of(text), kind = text.value](const std::vector<std::string>& values) {
            for (const std::string& value : values) check_text(name, kind, value);
            target = values;
        },
        description_of(text, ""));
    option->option_text(text.value)->required(text.required)->allow_extra_args(false);
    set_variable(option, text);
}

void Command::option(const OptionText& text, std::int64_t& target, std::int64_t least, std::int64_t most) {
    add_text(text, text.required ? "" : std::to_string(target), take_number(target, least, most));
}

void Command::option(const OptionText& text, std::optional<std::int64_t>& target, std::int64_t least,
                     std::int64_t most) {
    add_text(text, "", take_number(target, least, most));
}

void Command::option(const OptionText& text, milliseconds& target, milliseconds least, milliseconds most) {
    add_text(text, format_duration(target), take_duration(target, least, most));
}

void Command::option(const OptionText& text, std::optional<milliseconds>& target, milliseconds least,
                     milliseconds most) {
    add_text(text, "", take_duration(target, least, most));
}

void Command::parsed(const OptionText& text, const std::string& default_text, Assign assign) {
    add_text(text, default_text, std::move(assign));
}

void Command::choice(const OptionText& text, std::string& target, std::initializer_list<std::string_view> choices) {
    const std::vector<std::string> known(choices.begin(), choices.end());
    OptionText shown = text;
    shown.value = fmt::format("{}", fmt::join(known, "|"));
    add_text(shown, target, [&target, known](const std::string& value) -> std::string {
        if (std::find(known.begin(), known.end(), value) == known.end())
            return fmt::format("one of {}", fmt::join(known, ", "));
        target = value;
        return "";
    });
}

void Command::flag(const OptionText& text, bool& target) {
    CLI::Option* option = app_->add_flag(text.flags, target, description_of(text, ""));
    set_variable(option, text);
}

void Command::positional(const std::string& name, const std::string& help, std::string& target, const Rule& rule) {
    const auto take = [&target, name, rule](const std::string& value) {
        check_text(name, name, value);
        refuse_unless_taken(name, value, rule);
        target = value;
    };
    app_->add_option_function<std::string>(name, take, help)->required();
}

void Command::positionals(const std::string& name, const std::string& help, std::vector<std::string>& target,
                          const Rule& rule) {
    const auto take = [&target, name, rule](const std::vector<std::string>& values) {
        for (const std::string& value : values) {
            check_text(name, name, value);
            refuse_unless_taken(name, value, rule);
        }
        target = values;
    };
    app_->add_option_function<std::vector<std::string>>(name, take, help)->option_text("...");
}

void Command::alternatives(const std::string& one, const std::string& other, const std::string& why) {
    shared_->alternatives.push_back({app_, one, other, why});
}

// Commands -----------------------------------------------------------------------------------------------------------

Command Command::add(const std::string& name, const std::string& description) {
    CLI::App* app = app_->add_subcommand(name, description);
    app->group("Commands");
    app->get_help_ptr()->description("Print this help and exit");
    app_->require_subcommand(1);
    return Command(app, shared_);
}

void Command::alias(const std::string& name) { app_->alias(name); }

void Command::notes(const std::string& text) { app_->footer(text); }

void Command::action(std::function<int()> action) {
    app_->final_callback([shared = shared_, action = std::move(action)] { shared->chosen = action; });
}

CommandLine::CommandLine(const std::string& name, const std::string& description, const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
    app_->formatter(help_formatter());
    app_->get_help_ptr()->description("Print this help and exit");
    app_->set_version_flag("--version", version)->description("Print the version and exit");
}

CommandLine::~CommandLine() = default;

Command CommandLine::root() { return Command(app_.get(), &shared_); }

int CommandLine::run(const roles::Environment& environment, int argc, const char* const* argv) {
    std::vector<std::string> arguments = arranged(*app_, {argv + 1, argv + argc});
    const CommandWords words = follow(*app_, arguments);
    const auto refuse = [&](const std::string& reason) {
        say(environment, fmt::format("{}: {} (see {} --help)", words.command, reason, words.command));
        return roles::exit_usage;
    };
    if (!words.complaint.empty()) {
        say(environment, words.complaint);
        return roles::exit_usage;
    }
    if (words.lacks_command && words.flags.empty()) {
        const std::string& name = words.level->get_name();
        const std::string families = words.command.substr(0, words.command.size() - name.size());
        say_help(environment, words.level->help(families.empty() ? "" : families.substr(0, families.size() - 1)));
        return roles::exit_usage;
    }
    std::vector<std::string> passed_over;
    for (const auto& [app, one, other, why] : shared_.alternatives) {
        if (app != words.level) continue;
        const bool has_one = words.names_flag(one), has_other = words.names_flag(other);
        if (has_one && has_other)
            return refuse(fmt::format("{} and {} cannot be combined{}{}", one, other, why.empty() ? "" : ": ", why));
        if (has_one || has_other) passed_over.push_back(has_one ? other : one);
    }
    // Only the named command's variables are read: an invalid one of another command must not matter.
    for (const auto& [app, option, name] : shared_.variables)
        if (app == words.level && std::ranges::find(passed_over, option->get_name()) == passed_over.end())
            option->envname(name);
    try {
        std::ranges::reverse(arguments);  // as the parser takes them
        app_->parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
        environment.out << app_->help();
        return roles::exit_ok;
    } catch (const CLI::CallForVersion& version) {
        environment.out << version.what() << '\n';
        return roles::exit_ok;
    } catch (const CLI::ArgumentMismatch& error) {
        // "--url: 1 required TEXT missing", or "--url: At Most 1 required but received 2"
        const std::string_view message = error.what();
        const bool repeated = message.contains("At Most") || message.contains("but received");
        return refuse(fmt::format("{} {}", message.substr(0, message.find(':')),
                                  repeated ? "was given more than once" : "needs a value"));
    } catch (const CLI::ExtrasError&) {
        return refuse(fmt::format("unexpected argument '{}'", without_secrets(words.level->remaining().front())));
    } catch (const CLI::ParseError& error) {
        return refuse(error.what());
    }
    try {
        return shared_.chosen ? shared_.chosen() : roles::exit_ok;
    } catch (const db::UnexpectedAnswer& answer) {
        say(environment, fmt::format("{}: unexpected answer from PostgreSQL: {}", words.command, answer.what()));
        return roles::exit_unavailable;
    }
}

}  // namespace ledgerline::cli
