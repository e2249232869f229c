#include "cli/man_page.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string_view>

namespace ledgerline::cli {
namespace {

// Text that troff prints as it is.
std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if (c == '\'')
            out += "\\(aq";
        else
            out += c;
    }
    if (out.starts_with('.')) out.insert(0, "\\&");
    return out;
}

// Paragraphs with their own line ends, such as examples.
std::string verbatim(std::string_view text) {
    std::string out = ".PP\n.nf\n";
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string line = plain(text.substr(0, end));
        out += line.empty() ? ".sp\n" : line + '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out + ".fi\n";
}

std::string names_of(const CLI::Option& option) {
    std::string names;
    const auto add = [&](const std::string& name) {
        names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", plain(name));
    };
    for (const std::string& name : option.get_snames()) add("-" + name);
    for (const std::string& name : option.get_lnames()) add("--" + name);
    if (names.empty()) add(option.get_name(true));
    if (!option.get_option_text().empty()) names += fmt::format(" \\fI{}\\fR", plain(option.get_option_text()));
    return names;
}

void add_command(std::string& page, const CLI::App& command, const std::string& name, const std::string& shared_notes) {
    const auto commands = command.get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty()) {
        page += fmt::format(".SS {}\n{}.\n", plain(name), plain(command.get_description()));
        for (const CLI::Option* option : command.get_options())
            if (option != command.get_help_ptr())
                page += fmt::format(".TP\n{}\n{}\n", names_of(*option), plain(option->get_description()));
        if (const std::string notes = command.get_footer(); notes != shared_notes) page += verbatim(notes);
    }
    for (const CLI::App* each : commands) add_command(page, *each, name + " " + each->get_name(), shared_notes);
}

}  // namespace

std::string man_page(const CLI::App& root, const std::string& version) {
    const std::string& name = root.get_name();
    const std::string notes = root.get_footer();
    std::string page = fmt::format(
        ".TH {} 1 \"\" \"{} {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n"
        ".SH SYNOPSIS\n\\fB{}\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n",
        "LEDGERLINE", name, version, name, plain(root.get_description()), name);
    page += verbatim(notes);
    page += ".SH COMMANDS\n";
    for (const CLI::App* command : root.get_subcommands([](const CLI::App*) { return true; }))
        add_command(page, *command, name + " " + command->get_name(), notes);
    return page;
}

}  // namespace ledgerline::cli
