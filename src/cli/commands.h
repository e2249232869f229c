// The commands. Each function declares one command or family of commands below parent. The environment must outlive the
// parsing and the command.
#pragma once

#include "cli/command.h"

namespace ledgerline::cli {

void declare_migrate(Command& parent, const roles::Environment& environment);
void declare_import(Command& parent, const roles::Environment& environment);
void declare_verify(Command& parent, const roles::Environment& environment);
void declare_accounts(Command& parent, const roles::Environment& environment);
void declare_transactions(Command& parent, const roles::Environment& environment);
void declare_dead_letters(Command& parent, const roles::Environment& environment);
void declare_lanes(Command& parent, const roles::Environment& environment);
void declare_top(Command& parent, const roles::Environment& environment);
void declare_health(Command& parent, const roles::Environment& environment);
void declare_database_url(Command& parent, const roles::Environment& environment);
void declare_sample(Command& parent, const roles::Environment& environment);
void declare_version(Command& parent, const roles::Environment& environment);

}  // namespace ledgerline::cli
