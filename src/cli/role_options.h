// The settings of the commands that run roles, by subject: each role declares the subjects that concern it.
//
// Each declare_ function adds the flags of one subject to a command. The target holds the defaults and, after parsing,
// the settings. It must outlive the parsing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "observe/log.h"
#include "roles/settings.h"

namespace ledgerline::cli {

// what: what is served at the address.
void declare_listen(Command& command, roles::ListenSettings& options, const std::string& what);

// For roles that serve more than probes.
void declare_probe_listen(Command& command, roles::ListenSettings& options);

// For roles with the API: what operators call.
void declare_operator_listen(Command& command, roles::ListenSettings& options);

void declare_tls(Command& command, roles::TlsSettings& options);

// For roles with the API: pages of which sites may call it.
void declare_cors(Command& command, roles::ListenSettings& options);

void declare_admission(Command& command, roles::AdmissionSettings& options);

// Part of the admission: tokens besides keys.
void declare_tokens(Command& command, roles::TokenSettings& options);

void declare_assets(Command& command, roles::AssetSettings& options);

// The database of a role without a private cluster.
void declare_role_database(Command& command, std::string& url);

void declare_apply(Command& command, roles::ApplySettings& options);

void declare_outcomes(Command& command, roles::OutcomeSettings& options);

void declare_webhooks_allowed(Command& command, roles::WebhookSettings& options);

// With the stall timeout only for roles that have loops.
void declare_timeouts(Command& command, roles::TimeoutSettings& options, bool has_loops);

void declare_rights(Command& command, roles::RightsSettings& options);

void declare_log_payments(Command& command, roles::ListenSettings& options);
void declare_log(Command& command, roles::LogSettings& options);

}  // namespace ledgerline::cli
