// RegistryServer: a real schema registry of a test's own (scripts/schema-registry), on loopback. It keeps what it is
// told in memory, and dies with the object.
//
//     RegistryServer registry;
//     run_role({"publisher", "--schema-registry-url", registry.url()});
//     EXPECT_EQ(registry.schema(7), ...);
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "http/client.h"
#include "lab/process.h"
#include "registry/schema_registry.h"

namespace ledgerline::test {

class RegistryServer {
public:
    struct Tls {
        std::string certificate, key;  // files, in PEM
    };
    // Answers when it is made.
    explicit RegistryServer(const std::optional<Tls>& tls = std::nullopt);

    // A schema that no value of ours is valid by.
    static constexpr const char* of_texts = R"({"$schema":"http://json-schema.org/draft-07/schema#","type":"string"})";

    // One for the whole test program, started at first use.
    static RegistryServer& shared();

    std::string url() const;
    registry::RegistryConfig config() const;
    void kill() { process_->kill(); }

    // What it answers; null if that is no JSON. body "": none.
    json::Value call(const std::string& method, const std::string& target, const std::string& body = "") const;
    // The schema with that id; "" if there is none.
    std::string schema(std::uint32_t id) const;
    // Enters it whatever the rules are.
    void force(const std::string& subject, const std::string& schema) const;

private:
    const std::uint16_t port_;
    const std::optional<Tls> tls_;
    std::unique_ptr<Process> process_;
};

}  // namespace ledgerline::test
