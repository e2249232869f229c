// Stack: PostgreSQL, Kafka and any number of Ledgerline's roles as processes of their own, on free ports, for one fault
// test. Everything ends with it. When the test has failed, the logs are kept and their directory is printed.
//
// One thread at a time: the one that runs the test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "faults/auditor.h"
#include "faults/clients.h"
#include "lab/kafka_broker.h"
#include "lab/postgres_server.h"
#include "lab/process.h"

namespace ledgerline::test {

// One process of one role.
class Role {
public:
    Role(std::string kind, Process::Command command, std::uint16_t port, bool with_failpoints);

    const std::string& kind() const { return kind_; }  // "api", "publisher", "worker"
    Process& process() { return process_; }
    std::uint16_t port() const { return port_; }  // where it listens, in every run

    // failpoints: what tests/faults/failpoints.cpp reads; only for roles that were made with them.
    void start(const std::string& failpoints = "");
    // SIGTERM: expects exit code 0.
    void stop();
    bool ready() const;
    void wait_ready() const;

private:
    const std::string kind_;
    Process process_;
    const std::uint16_t port_;
    const bool with_failpoints_;
};

class Stack {
public:
    Stack();
    ~Stack();

    PostgresServer& postgres() { return postgres_; }
    KafkaBroker& broker() { return broker_; }
    std::string value(const std::string& sql) { return postgres_.value(sql); }
    // The sums over all lanes.
    std::int64_t published();
    std::int64_t applied();
    std::int64_t accepted();

    // Makes a process of a role, which is then to be started. Its database is reached through database_port; 0:
    // directly. It is valid until it is removed, which kills it.
    Role& add(const std::string& kind, std::uint16_t database_port = 0, bool with_failpoints = false);
    void remove(Role& role);
    std::vector<Role*> all();
    std::vector<Role*> all(const std::string& kind);
    std::vector<std::uint16_t> api_ports();

    // Expects that every role is running.
    void expect_running();
    // Expects that every dead letter gets to the topic of dead letters.
    void expect_letters_announced();
    // Expects that the topic of outcomes has all that was decided (lab/told_outcomes.h).
    void expect_outcomes_told();
    // Expects that the audit finds nothing.
    void expect_sound(const std::vector<Evidence>& evidence, const Injected& injected = {});

private:
    std::filesystem::path dir_;  // of the logs
    PostgresServer postgres_;
    KafkaBroker broker_;
    std::vector<std::unique_ptr<Role>> roles_;
    int roles_made_ = 0;
};

}  // namespace ledgerline::test
