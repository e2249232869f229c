#include "roles/schema_entry.h"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

#include "base/text.h"
#include "observe/log.h"
#include "registry/topic_schemas.h"
#include "roles/config_file.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {
namespace {

constexpr const char* kUrlFlag = "--schema-registry-url";
constexpr const char* kCredentialsFlag = "--schema-registry-credentials-file";
constexpr const char* kAuthoritiesFlag = "--schema-registry-ca-file";

std::unexpected<Error> refused(std::string message) {
    return failure(Disposition::refuse, std::string(bad_usage), std::move(message));
}

// The text is never shown.
Result<std::string> checked_credentials(std::string text, const std::string& source) {
    text = text.substr(0, text.find('\n'));
    while (text.ends_with('\r') || text.ends_with(' ')) text.pop_back();
    const auto colon = text.find(':');
    if (colon == 0 || colon == std::string::npos || has_byte_below(text, 0x20))
        return refused(source + " must be USER:PASSWORD");
    return text;
}

Result<std::string> credentials_of(const SchemaRegistrySettings& settings) {
    if (!settings.credentials_file.empty()) {
        LEDGERLINE_TRY(std::string text, read_secret_file(kCredentialsFlag, settings.credentials_file));
        return checked_credentials(std::move(text), std::string(kCredentialsFlag) + " " + settings.credentials_file);
    }
    if (settings.credentials.empty()) return "";
    return checked_credentials(settings.credentials, schema_registry_credentials_variable);
}

bool is_readable_on_the_way(const http::BaseUrl& url) {
    if (url.tls || url.host == "localhost") return false;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(url.host, error);
    return error || !address.is_loopback();
}

}  // namespace

Result<std::optional<registry::RegistryConfig>> checked_registry(const SchemaRegistrySettings& settings,
                                                                 const bus::KafkaConfig& kafka) {
    if (settings.url.empty()) {
        if (settings.wire_format != SchemaRegistrySettings().wire_format)
            return refused(std::string("--schema-wire-format needs ") + kUrlFlag + ": the ids come from there");
        return std::nullopt;
    }
    if (kafka.brokers.empty()) return refused(std::string(kUrlFlag) + " needs --kafka-brokers: without them no topics");
    auto url = http::BaseUrl::parse(settings.url);
    if (!url) return refused(std::string(kUrlFlag) + ": " + url.error().message);
    LEDGERLINE_TRY(std::string credentials, credentials_of(settings));
    if (!settings.ca_file.empty()) LEDGERLINE_CHECK(read_config_file(kAuthoritiesFlag, settings.ca_file));
    return registry::RegistryConfig{*std::move(url), std::move(credentials), settings.ca_file};
}

void add_files(const SchemaRegistrySettings& settings, RightsPlan& plan) {
    for (const std::string& path : {settings.credentials_file, settings.ca_file})
        if (!path.empty()) plan.files.emplace_back(path);
}

Result<void> enter_schemas(RoleProcess& process, const SchemaRegistrySettings& settings, milliseconds startup_timeout,
                           bus::KafkaConfig& kafka) {
    LEDGERLINE_TRY(const auto config, checked_registry(settings, kafka));
    if (!config) return {};
    if (!config->credentials.empty() && is_readable_on_the_way(config->url))
        log::warn("the network between here and the schema registry can read its password: use https",
                  {{"registry", config->url.to_string()}});
    registry::SchemaRegistry registry(*config);
    bus::KafkaSchemas schemas;
    if (settings.wire_format == "confluent") schemas.mark = bus::KafkaSchemas::Mark::frame;
    const auto enter = [&](const std::string& topic, std::string_view schema, std::uint32_t& id) -> Result<void> {
        LEDGERLINE_TRY(const std::int32_t entered, registry.enter(registry::subject_of(topic), schema));
        id = static_cast<std::uint32_t>(entered);
        return {};
    };
    LEDGERLINE_CHECK(
        wait_at_start(process, startup_timeout, "the schema registry cannot be used yet", [&]() -> Result<void> {
            LEDGERLINE_CHECK(enter(kafka.topic, registry::events_schema, schemas.events));
            LEDGERLINE_CHECK(enter(kafka.dead_letter_topic, registry::dead_letters_schema, schemas.dead_letters));
            return enter(kafka.outcomes_topic, registry::outcomes_schema, schemas.outcomes);
        }));
    log::info("the schemas of the topics are registered", {{"registry", config->url.to_string()},
                                                           {"events_id", schemas.events},
                                                           {"dead_letters_id", schemas.dead_letters},
                                                           {"outcomes_id", schemas.outcomes}});
    kafka.schemas = schemas;
    return {};
}

}  // namespace ledgerline::roles
