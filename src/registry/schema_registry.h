// SchemaRegistry: a registry of schemas that speaks Confluent's API, as Confluent's own, Karapace and Apicurio do.
//
//     SchemaRegistry registry({.url = *http::BaseUrl::parse("https://registry.example:8081")});
//     const auto id = registry.enter(subject_of("transactions"), events_schema);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/client.h"

namespace ledgerline::registry {

// The subject of a topic's values (TopicNameStrategy).
std::string subject_of(const std::string& topic);

struct RegistryConfig {
    http::BaseUrl url;
    std::string credentials{};  // user:password; empty: none
    std::string ca_file{};      // as in http::ClientConfig
};

// The codes of its errors. Messages name the subject and the registry's reason.
//
// No answer, or one that asks to come again. Disposition::retry.
inline constexpr std::string_view registry_away = "schema_registry_away";
// The registry does not let us in, or does not speak Confluent's API. Disposition::stop.
inline constexpr std::string_view registry_refused = "schema_registry_refused";
// Who reads by the new schema could not read what was written by the latest one. Disposition::stop.
inline constexpr std::string_view schema_incompatible = "schema_incompatible";

// Not thread-safe: one thread at a time.
class SchemaRegistry {
public:
    static constexpr milliseconds answer_wait_max{10'000};  // for each call
    static constexpr std::size_t answer_bytes_max = 4 * 1024 * 1024;

    explicit SchemaRegistry(const RegistryConfig& config);

    // The id of that JSON Schema under the subject. One that is not there yet is registered if it is BACKWARD
    // compatible with the latest one, which from then on the registry itself demands of everybody; a stricter level is
    // left.
    Result<std::int32_t> enter(const std::string& subject, std::string_view schema);

private:
    struct Answer;
    // What the registry knows: the schema under its id, or at least the subject.
    struct Known {
        std::optional<std::int32_t> id;
        bool subject = false;
    };

    Result<Known> find(const std::string& subject, const std::string& body);
    Result<void> demand_compatibility(const std::string& subject);
    Result<void> check(const std::string& subject, const std::string& body);
    Result<std::int32_t> add(const std::string& subject, const std::string& body);
    Result<Answer> call(const std::string& method, const std::string& target, const std::string& body);
    std::unexpected<Error> refused(const std::string& subject, const Answer& answer) const;

    const std::string shown_;  // the registry in messages
    const std::string authorization_;
    http::Client client_;
};

}  // namespace ledgerline::registry
