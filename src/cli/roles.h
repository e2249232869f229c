// The commands that run roles: what each is told.
#pragma once

#include <functional>
#include <string>

#include "cli/kafka_options.h"
#include "cli/role_options.h"

namespace ledgerline::cli {

inline constexpr std::uint16_t api_port = 8080;
inline constexpr std::uint16_t worker_port = 8081;
inline constexpr std::uint16_t publisher_port = 8082;

struct UpOptions {
    std::string data_dir = "ledgerline-data";
    std::string database_url;  // empty: a private cluster under data_dir
    ListenOptions listen{.port = api_port};
    AdmissionOptions admission;
    KafkaConfig kafka;  // without brokers: the in-process bus
    ApplyOptions apply;
    TimeoutOptions timeouts;
    RightsOptions rights;
    LogOptions log;
};

struct ApiOptions {
    std::string database_url;
    ListenOptions listen{.port = api_port};
    AdmissionOptions admission;
    KafkaConfig kafka;  // without brokers: nothing is said about Kafka
    TimeoutOptions timeouts;
    RightsOptions rights;
    LogOptions log;
};

struct PublisherOptions {
    std::string database_url;
    ListenOptions listen{.port = publisher_port};
    KafkaConfig kafka;
    TimeoutOptions timeouts;
    RightsOptions rights;
    LogOptions log;
};

struct WorkerOptions {
    std::string database_url;
    ListenOptions listen{.port = worker_port};
    KafkaConfig kafka;
    ApplyOptions apply;
    TimeoutOptions timeouts;
    RightsOptions rights;
    LogOptions log;
};

// What app provides; each returns the exit code. A command that is not set does not exist.
struct RoleCommands {
    std::function<int(const UpOptions&)> up;
    std::function<int(const ApiOptions&)> api;
    std::function<int(const PublisherOptions&)> publisher;
    std::function<int(const WorkerOptions&)> worker;
};

// Declares those that are set, below parent. environment and roles must outlive the parsing and the command.
void declare_roles(Command& parent, const Environment& environment, const RoleCommands& roles);

}  // namespace ledgerline::cli
