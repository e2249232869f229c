// The commands that run roles, and their settings.
#pragma once

#include <functional>
#include <string>

#include "cli/kafka_options.h"
#include "cli/role_options.h"
#include "roles/settings.h"

namespace ledgerline::cli {

// The roles that the app provides; each returns the exit code. A command that is not set does not exist.
struct RoleCommands {
    std::function<int(const roles::UpSettings&)> up;
    std::function<int(const roles::ApiSettings&)> api;
    std::function<int(const roles::PublisherSettings&)> publisher;
    std::function<int(const roles::WorkerSettings&)> worker;
};

// Declares the commands that are set, below parent. environment and roles must outlive the parsing and the command.
void declare_roles(Command& parent, const roles::Environment& environment, const RoleCommands& roles);

}  // namespace ledgerline::cli
