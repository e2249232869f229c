// Command: how commands, their options and their help are declared. It gives all of them the same form. Besides what
// describes the commands (command_line.h, completion.h, man_page.h), it is the only place that knows the parser.
//
// Every setting is a flag with an environment variable LEDGERLINE_<FLAG>; a flag on the command line wins. A mistyped
// command or flag is answered with the one that was probably meant.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "roles/environment.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ledgerline::cli {

struct OptionText {
    std::string flags;  // "--batch" or "-o,--output"
    std::string value;  // the placeholder in the help: "ROWS"; the unit if there is one
    std::string help;   // one sentence without a full stop
    // The environment variable: empty for LEDGERLINE_ and the flag's name, "-" for none. Settings that are shared by
    // many calls have one; those of a single call (a filter, an amount) have none.
    std::string variable = {};
    bool required = false;
};

inline constexpr const char* no_variable = "-";

// A handle on one level of the command line. Targets hold the defaults and must outlive the parsing. No value may be
// empty, and all except file names (FILE, DIR) must be valid UTF-8.
class Command {
public:
    // Checks a value: returns the rule that it breaks, worded to follow "must be", or "".
    using Rule = std::function<std::string(const std::string&)>;
    using Assign = Rule;  // takes the value if it breaks no rule

    // Adds a command below this one, with a description of one sentence.
    Command add(const std::string& name, const std::string& description);
    // Another name that people try for this command.
    void alias(const std::string& name);

    void option(const OptionText& text, std::string& target);
    void option(const OptionText& text, std::vector<std::string>& target);  // repeatable
    void option(const OptionText& text, std::int64_t& target, std::int64_t least, std::int64_t most);
    void option(const OptionText& text, milliseconds& target, milliseconds least, milliseconds most);
    // A value with its own syntax. assign takes it and returns "", or returns the rule that it breaks.
    void parsed(const OptionText& text, const std::string& default_text, Assign assign);
    // Without a default: empty unless given.
    void option(const OptionText& text, std::optional<std::int64_t>& target, std::int64_t least, std::int64_t most);
    void option(const OptionText& text, std::optional<milliseconds>& target, milliseconds least, milliseconds most);
    // The placeholder of text is made of the choices.
    void choice(const OptionText& text, std::string& target, std::initializer_list<std::string_view> choices);
    void flag(const OptionText& text, bool& target);
    void positional(const std::string& name, const std::string& help, std::string& target, const Rule& rule = any);
    void positionals(const std::string& name, const std::string& help, std::vector<std::string>& target,
                     const Rule& rule = any);
    // Two flags that set the same thing: giving both is refused, and one that is typed wins over the other's variable.
    // why: what the refusal says too, where it is not plain.
    void alternatives(const std::string& one, const std::string& other, const std::string& why = "");

    static std::string any(const std::string&) { return ""; }

    // Shown at the end of the help: longer explanations, examples, exit codes.
    void notes(const std::string& text);
    // The command's work. Returns the exit code.
    void action(std::function<int()> action);

private:
    friend class CommandLine;
    // Shared by all levels of one command line.
    struct Shared {
        struct Variable {
            CLI::App* app;
            CLI::Option* option;
            std::string name;
        };
        struct Alternatives {
            CLI::App* app;
            std::string one, other, why;
        };
        std::vector<Variable> variables;
        std::vector<Alternatives> alternatives;
        std::function<int()> chosen;  // set by the command that was named
    };
    Command(CLI::App* app, Shared* shared) : app_(app), shared_(shared) {}
    void set_variable(CLI::Option* option, const OptionText& text);
    CLI::Option* add_text(const OptionText& text, const std::string& default_text, Assign assign);

    CLI::App* app_;
    Shared* shared_;
};

class CommandLine {
public:
    // version: what --version prints.
    CommandLine(const std::string& name, const std::string& description, const std::string& version);
    ~CommandLine();

    Command root();
    // For what describes the commands: completion.h, man_page.h.
    const CLI::App& definition() const { return *app_; }

    // Parses, and runs the command named. Help goes to environment.out; usage errors go to environment.err, on one
    // line, with exit_usage. So does the help of a family whose command is missing.
    int run(const roles::Environment& environment, int argc, const char* const* argv);

private:
    std::unique_ptr<CLI::App> app_;
    Command::Shared shared_;
};

}  // namespace ledgerline::cli
