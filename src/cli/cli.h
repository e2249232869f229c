// The command line of ledgerline: how it is run, and the commands it consists of.
#pragma once

#include <functional>

#include "cli/command.h"
#include "roles/settings.h"

namespace ledgerline::cli {

// The roles that the program provides; each returns the exit code. A command that is not set does not exist.
struct RoleCommands {
    std::function<int(const roles::UpSettings&)> up;
    std::function<int(const roles::ApiSettings&)> api;
    std::function<int(const roles::PublisherSettings&)> publisher;
    std::function<int(const roles::WorkerSettings&)> worker;
    std::function<int(const roles::NotifierSettings&)> notifier;
};

// Parses the arguments and runs the command they name. Returns the exit code.
int run(const roles::Environment& environment, int argc, const char* const* argv, const RoleCommands& roles);

// The same for the program, on real streams, with the real clock and randomness. main() calls it once.
int run_program(int argc, char** argv);

// Each declares one command or family of commands below parent; declare_roles() the roles that are set. What they are
// given must outlive the parsing and the command.
void declare_roles(Command& parent, const roles::Environment& environment, const RoleCommands& roles);
void declare_migrate(Command& parent, const roles::Environment& environment);
void declare_import(Command& parent, const roles::Environment& environment);
void declare_verify(Command& parent, const roles::Environment& environment);
void declare_accounts(Command& parent, const roles::Environment& environment);
// Those of them that change an account, and that tell how it was changed.
void declare_account_changes(Command& accounts, const roles::Environment& environment);
void declare_trial_balance(Command& parent, const roles::Environment& environment);
void declare_transactions(Command& parent, const roles::Environment& environment);
void declare_holds(Command& parent, const roles::Environment& environment);
void declare_dead_letters(Command& parent, const roles::Environment& environment);
void declare_events(Command& parent, const roles::Environment& environment);
void declare_webhooks(Command& parent, const roles::Environment& environment);
void declare_keys(Command& parent, const roles::Environment& environment);
void declare_tenants(Command& parent, const roles::Environment& environment);
void declare_approvals(Command& parent, const roles::Environment& environment);
void declare_audit(Command& parent, const roles::Environment& environment);
void declare_lanes(Command& parent, const roles::Environment& environment);
void declare_profiles(Command& parent, const roles::Environment& environment);
void declare_top(Command& parent, const roles::Environment& environment);
void declare_health(Command& parent, const roles::Environment& environment);
void declare_database_url(Command& parent, const roles::Environment& environment);
void declare_sample(Command& parent, const roles::Environment& environment);
// The definition is that of the whole command line.
void declare_completion(Command& parent, const roles::Environment& environment);
void declare_man(Command& parent, const roles::Environment& environment, const CLI::App& definition);
void declare_version(Command& parent, const roles::Environment& environment);

}  // namespace ledgerline::cli
