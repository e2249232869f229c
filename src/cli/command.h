// Command: how commands, their options and their help are declared. One look for all of them, and one place that knows
// the parser.
//
// Every setting is a flag with an environment variable LEDGERLINE_<FLAG>; a flag on the command line wins. A mistyped
// command or flag is answered with the one that was meant.
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
    std::string value;  // what stands for the value in the help: "ROWS"; the unit where there is one
    std::string help;   // one sentence without a full stop
    // The environment variable: empty for LEDGERLINE_ and the flag's name, "-" for none. Only what one would set once
    // for many calls has one; what belongs to a single call (a filter, an amount) has not.
    std::string variable = {};
    bool required = false;
};

inline constexpr const char* no_variable = "-";

// A handle on one level of the command line. Targets hold the default and must outlive the parsing.
class Command {
public:
    // Looks at a value: the rule that it breaks, as what stands behind "must be", or "".
    using Rule = std::function<std::string(const std::string&)>;
    using Assign = Rule;  // which takes the value when it breaks none

    // No value may be empty, and all but the names of files (FILE, DIR) are UTF-8.
    // A command below this one, with a description of one sentence.
    Command add(const std::string& name, const std::string& description);

    void option(const OptionText& text, std::string& target);
    void option(const OptionText& text, std::vector<std::string>& target);  // may be repeated
    void option(const OptionText& text, std::int64_t& target, std::int64_t least, std::int64_t most);
    void option(const OptionText& text, milliseconds& target, milliseconds least, milliseconds most);
    // A value with a form of its own. assign takes it, or returns the rule that it breaks ("" when it was taken).
    void parsed(const OptionText& text, const std::string& default_text, Assign assign);
    // Without a default: nothing unless it is given.
    void option(const OptionText& text, std::optional<std::int64_t>& target, std::int64_t least, std::int64_t most);
    void option(const OptionText& text, std::optional<milliseconds>& target, milliseconds least, milliseconds most);
    // value of text is made of the choices.
    void choice(const OptionText& text, std::string& target, std::initializer_list<std::string_view> choices);
    void flag(const OptionText& text, bool& target);
    void positional(const std::string& name, const std::string& help, std::string& target, const Rule& rule = any);
    void positionals(const std::string& name, const std::string& help, std::vector<std::string>& target,
                     const Rule& rule = any);
    // Two flags that say the same in two ways: both are refused, and one that is typed wins over the other's variable.
    void alternatives(const std::string& one, const std::string& other);

    static std::string any(const std::string&) { return ""; }

    // Shown at the end of the help: longer explanations, examples, exit codes.
    void notes(const std::string& text);
    // What the command does. It returns the exit code.
    void action(std::function<int()> action);

private:
    friend class CommandLine;
    // What all levels of one command line share.
    struct Shared {
        struct Variable {
            CLI::App* app;
            CLI::Option* option;
            std::string name;
        };
        struct Alternatives {
            CLI::App* app;
            std::string one, other;
        };
        std::vector<Variable> variables;
        std::vector<Alternatives> alternatives;
        std::function<int()> chosen;  // set by the command that is named
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

    // Parses and runs the command named. Help goes to environment.out; complaints about usage go to environment.err, in
    // one line, with exit_usage.
    int run(const roles::Environment& environment, int argc, const char* const* argv);

private:
    std::unique_ptr<CLI::App> app_;
    Command::Shared shared_;
};

}  // namespace ledgerline::cli
