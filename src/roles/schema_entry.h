// Enters what the values of the topics are in a schema registry, before a role that publishes begins.
#pragma once

#include <optional>

#include "bus/kafka/config.h"
#include "registry/schema_registry.h"
#include "roles/role.h"
#include "roles/settings.h"

namespace ledgerline::roles {

// The registry of the settings; nothing if there is none. Error bad_usage names the flag: settings of a registry
// without its URL, or one without Kafka; a URL, a file or credentials that cannot be used.
Result<std::optional<registry::RegistryConfig>> checked_registry(const SchemaRegistrySettings& settings,
                                                                 const bus::KafkaConfig& kafka);

// The files that it will read later.
void add_files(const SchemaRegistrySettings& settings, RightsPlan& plan);

// Enters the schemas of all topics and puts their ids into kafka: so nothing is asked of the registry later. Waits for
// the registry like prepare_database(). Errors of registry::SchemaRegistry.
Result<void> enter_schemas(RoleProcess& process, const SchemaRegistrySettings& settings, milliseconds startup_timeout,
                           bus::KafkaConfig& kafka);

}  // namespace ledgerline::roles
