#include "cli/completion.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string_view>

#include "cli/cli.h"
#include "cli/command_line.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr const char* kBash = R"(# Completion of ledgerline for bash.
_ledgerline() {
    local line word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :file) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        :dir) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _ledgerline ledgerline
)";

constexpr const char* kZsh = R"(#compdef ledgerline
# Completion of ledgerline for zsh.
_ledgerline() {
    local line
    local -a found
    while IFS= read -r line; do
        case $line in
        :file) _files ;;
        :dir) _files -/ ;;
        *) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
        esac
    done < <("${(e)words[1]/#\~/$HOME}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ! $#found )) || _describe ledgerline found
}
if [[ "${funcstack[1]}" == _ledgerline ]]; then _ledgerline "$@"; else compdef _ledgerline ledgerline; fi
)";

constexpr const char* kFish = R"(# Completion of ledgerline for fish.
function __ledgerline_complete
    set -l typed (commandline -opc)
    set -l word (commandline -ct)
    for line in ($typed[1] __complete $typed[2..] "$word" 2>/dev/null)
        switch $line
            case :file
                __fish_complete_path "$word"
            case :dir
                __fish_complete_directories "$word" ''
            case '*'
                echo $line
        end
    end
end
complete -c ledgerline -f -a '(__ledgerline_complete)'
)";

struct Shell {
    const char* name;
    const char* script;
    const char* where;
};
constexpr Shell kShells[] = {
    {"bash", kBash, "ledgerline completion bash > ~/.local/share/bash-completion/completions/ledgerline"},
    {"zsh", kZsh, "ledgerline completion zsh > ~/.zfunc/_ledgerline   # with fpath+=(~/.zfunc) before compinit"},
    {"fish", kFish, "ledgerline completion fish > ~/.config/fish/completions/ledgerline.fish"}};

void add(std::vector<std::string>& found, const std::string& candidate, const std::string& description,
         std::string_view begun) {
    if (candidate.starts_with(begun)) found.push_back(candidate + '\t' + description);
}

// What to do about a value by its placeholder: "FILE", "json|yaml", "N".
void add_values(std::vector<std::string>& found, const std::string& placeholder, std::string_view begun) {
    if (placeholder == "FILE" || placeholder == "DIR") {
        found.emplace_back(placeholder == "FILE" ? ":file" : ":dir");
        return;
    }
    if (!placeholder.contains('|')) return;
    for (std::size_t at = 0; at < placeholder.size();) {
        const std::size_t end = std::min(placeholder.find('|', at), placeholder.size());
        add(found, placeholder.substr(at, end - at), "", begun);
        at = end + 1;
    }
}

void add_flags(std::vector<std::string>& found, const CLI::App& level, std::string_view begun) {
    for (const CLI::Option* option : level.get_options())
        for (const std::string& name : option->get_lnames())
            add(found, "--" + name, option->get_description().substr(0, option->get_description().find('(')), begun);
}

void add_commands(std::vector<std::string>& found, const CLI::App& level, std::string_view begun) {
    for (const CLI::App* command : level.get_subcommands([](const CLI::App*) { return true; }))
        add(found, command->get_name(), command->get_description(), begun);
}

}  // namespace

std::vector<std::string> completions(const CLI::App& root, const std::vector<std::string>& words) {
    std::vector<std::string> found;
    if (words.empty()) return found;
    const CLI::App* level = &root;
    const std::string& begun = words.back();
    const std::size_t first = words.front() == help_command ? 1 : 0;
    for (std::size_t at = first; at + 1 < words.size(); ++at) {
        if (is_flag(words[at])) {
            const CLI::Option* flag = flag_named(*level, flag_name_of(words[at]));
            if (!flag || !value_follows(*flag, words[at])) continue;
            if (++at + 1 < words.size()) continue;
            add_values(found, flag->get_option_text(), begun);
            return found;
        }
        if (const CLI::App* command = command_named(*level, words[at])) level = command;
    }
    if (begun.starts_with('-')) {
        add_flags(found, *level, begun);
    } else if (!level->get_subcommands([](const CLI::App*) { return true; }).empty()) {
        add_commands(found, *level, begun);
    } else {
        for (const CLI::Option* option : level->get_options())
            if (option->get_positional()) add_values(found, option->get_name(true), begun);
    }
    return found;
}

void declare_completion(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("completion", "Print a script that completes command lines in a shell");
    for (const Shell& shell : kShells) {
        Command command = family.add(shell.name, std::string("Print the script for ") + shell.name);
        command.notes(std::string("Example:\n  ") + shell.where);
        command.action([&environment, &shell] {
            environment.out << shell.script;
            return roles::exit_ok;
        });
    }
}

}  // namespace ledgerline::cli
