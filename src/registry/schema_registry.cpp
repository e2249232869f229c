#include "registry/schema_registry.h"

#include <fmt/format.h>

#include <utility>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"

namespace ledgerline::registry {
namespace {

// Confluent's error codes.
constexpr std::int64_t kNoSubject = 40401;
constexpr std::int64_t kNoSchema = 40403;
constexpr const char* kLevel = "BACKWARD";

// As the header carries it.
std::string basic_authorization(const std::string& credentials) {
    return credentials.empty() ? "" : "Basic " + base64_of(credentials);
}

std::string schema_body(std::string_view schema) {
    std::string body = R"({"schemaType":"JSON","schema":)";
    json::append_quoted(schema, body);
    return body + "}";
}

// Each of these levels demands what BACKWARD does.
bool is_as_strict(std::string_view level) { return level.starts_with(kLevel) || level.starts_with("FULL"); }

std::string text_of(const json::Value& value) {
    return value.if_string() ? *value.if_string() : json::serialize(value);
}

}  // namespace

struct SchemaRegistry::Answer {
    int status = 0;
    json::Value body;  // null if it is no JSON

    bool is_good() const { return status == 200; }
    std::int64_t error_code() const {
        const json::Value* code = body.find("error_code");
        return code ? code->if_int64().value_or(0) : 0;
    }
    // Its id, if it has one.
    std::optional<std::int32_t> id() const {
        const json::Value* member = body.find("id");
        const auto number = member ? member->if_int64() : std::nullopt;
        if (!number || *number < 1 || *number > INT32_MAX) return std::nullopt;
        return static_cast<std::int32_t>(*number);
    }
    // What it says besides yes or no, for people.
    std::string reason() const {
        std::string said;
        for (const char* name : {"message", "reason", "messages"})
            if (const json::Value* value = body.find(name); value && !value->is_null())
                said += (said.empty() ? "" : "; ") + text_of(*value);
        return peer_text(said.empty() ? fmt::format("status {}", status) : said);
    }
};

std::string subject_of(const std::string& topic) { return topic + "-value"; }

SchemaRegistry::SchemaRegistry(const RegistryConfig& config)
    : shown_(config.url.to_string()),
      authorization_(basic_authorization(config.credentials)),
      client_(config.url, {.response_bytes_max = answer_bytes_max, .ca_file = config.ca_file}) {}

Result<std::int32_t> SchemaRegistry::enter(const std::string& subject, std::string_view schema) {
    const std::string body = schema_body(schema);
    LEDGERLINE_TRY(const Known known, find(subject, body));
    if (known.id) return *known.id;
    LEDGERLINE_CHECK(demand_compatibility(subject));
    if (known.subject) LEDGERLINE_CHECK(check(subject, body));
    return add(subject, body);
}

// Also finds one that a later version has replaced: so a binary from before still starts.
Result<SchemaRegistry::Known> SchemaRegistry::find(const std::string& subject, const std::string& body) {
    LEDGERLINE_TRY(const Answer answer, call("POST", "/subjects/" + http::percent_encode(subject), body));
    if (answer.is_good() && answer.id()) return Known{answer.id(), true};
    if (answer.error_code() == kNoSubject) return Known{};
    if (answer.error_code() == kNoSchema) return Known{std::nullopt, true};
    return refused(subject, answer);
}

Result<void> SchemaRegistry::demand_compatibility(const std::string& subject) {
    const std::string target = "/config/" + http::percent_encode(subject);
    LEDGERLINE_TRY(const Answer now, call("GET", target, ""));
    const json::Value* level = now.body.find("compatibilityLevel");
    if (now.is_good() && level && level->if_string() && is_as_strict(*level->if_string())) return {};
    if (!now.is_good() && now.status != 404) return refused(subject, now);
    LEDGERLINE_TRY(const Answer set, call("PUT", target, fmt::format(R"({{"compatibility":"{}"}})", kLevel)));
    if (!set.is_good()) return refused(subject, set);
    return {};
}

Result<void> SchemaRegistry::check(const std::string& subject, const std::string& body) {
    const std::string target =
        fmt::format("/compatibility/subjects/{}/versions/latest?verbose=true", http::percent_encode(subject));
    LEDGERLINE_TRY(const Answer answer, call("POST", target, body));
    const json::Value* verdict = answer.body.find("is_compatible");
    if (!answer.is_good() || !verdict || !verdict->if_bool()) return refused(subject, answer);
    if (*verdict->if_bool()) return {};
    return failure(
        Disposition::stop, std::string(schema_incompatible),
        fmt::format("schema registry {}: the schema of this version breaks subject {}: who reads by it could "
                    "not read what was written by the latest one: {}",
                    shown_, subject, answer.reason()));
}

Result<std::int32_t> SchemaRegistry::add(const std::string& subject, const std::string& body) {
    LEDGERLINE_TRY(const Answer answer,
                   call("POST", fmt::format("/subjects/{}/versions", http::percent_encode(subject)), body));
    if (answer.is_good() && answer.id()) return *answer.id();
    // Another process may have added it, or a different one, at the same time.
    LEDGERLINE_TRY(const Known known, find(subject, body));
    if (known.id) return *known.id;
    if (answer.status != 409) return refused(subject, answer);
    return failure(Disposition::stop, std::string(schema_incompatible),
                   fmt::format("schema registry {} does not take the schema of this version for subject {}: {}", shown_,
                               subject, answer.reason()));
}

Result<SchemaRegistry::Answer> SchemaRegistry::call(const std::string& method, const std::string& target,
                                                    const std::string& body) {
    http::ClientRequest request{.method = method, .target = target, .body = body};
    request.headers.emplace_back("Accept", "application/vnd.schemaregistry.v1+json, application/json");
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/vnd.schemaregistry.v1+json");
    if (!authorization_.empty()) request.headers.emplace_back("Authorization", authorization_);
    // Every call may be repeated: whatever it sets or adds is then there already.
    const auto away = [this](const std::string& why) {
        return failure(Disposition::retry, std::string(registry_away),
                       fmt::format("schema registry {} does not answer: {}", shown_, why));
    };
    auto response = client_.send(request, answer_wait_max);
    if (!response) return away(response.error().message);
    Answer answer{response->status, json::parse(response->body).value_or(json::Value())};
    if (answer.status == 429 || answer.status >= 500) return away(answer.reason());
    return answer;
}

std::unexpected<Error> SchemaRegistry::refused(const std::string& subject, const Answer& answer) const {
    const std::string why =
        answer.body.is_null()
            ? fmt::format("status {}, and not in the way of Confluent's API: is the URL right?", answer.status)
            : answer.reason();
    return failure(Disposition::stop, std::string(registry_refused),
                   fmt::format("schema registry {} refuses subject {}: {}", shown_, subject, why));
}

}  // namespace ledgerline::registry
