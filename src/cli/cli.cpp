#include "cli/cli.h"

#include <fmt/format.h>

#include <system_error>

#include "base/version.h"
#include "cli/command_line.h"
#include "cli/completion.h"
#include "cli/man_page.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr const char* kNotes =
    "'ledgerline help COMMAND' shows a command's flags, with their defaults and the environment variables that set\n"
    "them; flags may stand before the command, too. Durations are written as 500ms, 30s, 10m or 2h. Tables fit the\n"
    "terminal, or 80 columns: -o wide shows all columns and whole ids. With -o json stdout carries one JSON document,\n"
    "for lists one object per line, with -o yaml the same in YAML; lists and balances can also be had with -o csv.\n\n"
    "Exit codes:\n"
    "  0    done; every check held\n"
    "  1    a check failed, or the operation was refused\n"
    "  2    bad usage or bad input: nothing was done\n"
    "  3    a service could not be reached or did not answer in time, or stdout could not be written\n"
    "  4    the installation must be fixed first: schema, rights, credentials\n"
    "  130  interrupted";

// The only place where a command learns that its result could not be written. A command that has already failed keeps
// its code; a reader that closed the pipe needs no message.
int check_output(const roles::Environment& environment, int code) {
    environment.out.flush();
    if (environment.out) return code;
    const roles::DescriptorOutput* buffer = environment.out_buffer;
    if (!buffer || !buffer->reader_has_left()) {
        const std::string reason = buffer ? ": " + std::generic_category().message(buffer->error()) : "";
        say(environment, "ledgerline: cannot write the result to stdout" + reason);
    }
    return code == roles::exit_ok ? roles::exit_unavailable : code;
}

// The parser is never asked for it (arranged()).
void declare_help(Command& parent) {
    parent.add(std::string(help_command), "Show the help of a command: help tx list");
}

}  // namespace

void declare_man(Command& parent, const roles::Environment& environment, const CLI::App& definition) {
    Command command = parent.add("man", "Print the manual page");
    command.notes("Example:\n  ledgerline man > ledgerline.1 && man ./ledgerline.1");
    command.action([&environment, &definition] {
        environment.out << man_page(definition, version);
        return roles::exit_ok;
    });
}

int run(const roles::Environment& environment, int argc, const char* const* argv, const RoleCommands& roles) {
    CommandLine line("ledgerline", "Takes money movements over HTTP and applies each one exactly once, in order.",
                     fmt::format("ledgerline {}", version));
    Command root = line.root();
    root.notes(kNotes);
    declare_roles(root, environment, roles);
    declare_migrate(root, environment);
    declare_import(root, environment);
    declare_verify(root, environment);
    declare_accounts(root, environment);
    declare_transactions(root, environment);
    declare_holds(root, environment);
    declare_trial_balance(root, environment);
    declare_dead_letters(root, environment);
    declare_events(root, environment);
    declare_webhooks(root, environment);
    declare_keys(root, environment);
    declare_tenants(root, environment);
    declare_approvals(root, environment);
    declare_audit(root, environment);
    declare_lanes(root, environment);
    declare_top(root, environment);
    declare_profiles(root, environment);
    declare_health(root, environment);
    declare_database_url(root, environment);
    declare_sample(root, environment);
    declare_completion(root, environment);
    declare_man(root, environment, line.definition());
    declare_help(root);
    declare_version(root, environment);
    if (argc > 1 && std::string_view(argv[1]) == completion_request) {
        for (const std::string& candidate : completions(line.definition(), {argv + 2, argv + argc}))
            environment.out << candidate << '\n';
        return check_output(environment, roles::exit_ok);
    }
    return check_output(environment, line.run(environment, argc, argv));
}

}  // namespace ledgerline::cli
