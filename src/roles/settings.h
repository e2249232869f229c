// The settings of each role, with their defaults. The command line fills them in (cli/role_options.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/approvals.h"
#include "base/clock.h"
#include "bus/kafka/config.h"
#include "http/server/browsers.h"
#include "http/server/network.h"
#include "http/tokens/issuer_keys.h"

namespace ledgerline::roles {

struct ListenSettings {
    std::string host = "127.0.0.1";  // an address or a name
    std::uint16_t port = 0;          // 0: any free one
    std::int64_t http_threads = 2;
    std::int64_t connections_max = 4096;
    std::int64_t connections_per_address = 0;         // 0: half of them
    std::int64_t connections_per_key = 0;             // 0: half of them
    std::vector<http::Network> trusted_proxies = {};  // exempt from it
    milliseconds idle_timeout{75'000};                // between requests of a connection
    std::string probe_host = {};                      // an additional address for probes; empty: none
    std::uint16_t probe_port = 0;
    std::string operator_host = {};  // where operators' calls are served, and nowhere else; empty: where all others are
    std::uint16_t operator_port = 0;
    // Names that requests may give in Host, besides addresses and localhost. Nothing: on a loopback address only the
    // one listened on, elsewhere any.
    http::Browsers::Hosts allowed_hosts = {};
    std::vector<std::string> cors_origins = {};  // whose pages may call
    bool log_payments = false;                   // those that succeed, too
};

// Whose tokens are taken besides keys.
struct TokenSettings {
    http::TokenPolicy policy;  // without an issuer: nobody's
    http::IssuerSource source;

    bool empty() const { return policy.issuer.empty(); }
};

struct AdmissionSettings {
    std::string api_keys_file;         // empty: only stored keys
    std::string first_key_file;        // where the first stored key is put; empty: none is made
    bool allow_open = false;           // without keys, also on an address that others can reach
    bool refuse_card_numbers = false;  // in metadata
    TokenSettings tokens;
    api::ApprovalPolicy approvals;
};

// Certificates in PEM files; without any, the API is served without TLS.
struct TlsSettings {
    std::string certificate, key;    // "": none
    std::string client_authorities;  // of the certificates that clients must show; "": they need none
    bool client_keys = false;        // those certificates may name API keys, which they then stand for
    bool self_signed = false;        // makes certificate and key in the data directory
};

struct AssetSettings {
    std::string file;  // of assets of one's own; empty: only the currencies of ISO 4217
};

struct ApplySettings {
    std::int64_t worker_threads = 1;
    std::int64_t unknown_attempts_max = 5;  // for an event that fails for an unknown reason, before it is parked
};

// Where webhooks may be sent besides public addresses, by https.
struct WebhookSettings {
    std::vector<http::Network> allowed = {};
};

// The topic of outcomes.
struct OutcomeSettings {
    std::string from =
        "start";  // where it begins with what it was never told of: start, latest, or off: not told at all
};

// Holds USER:PASSWORD of the schema registry.
inline constexpr const char* schema_registry_credentials_variable = "LEDGERLINE_SCHEMA_REGISTRY_CREDENTIALS";

// The registry that the schemas of the topics are entered in.
struct SchemaRegistrySettings {
    std::string url;                     // empty: none
    std::string credentials;             // user:password, from the environment; empty: those of the file, if any
    std::string credentials_file;        // of one line
    std::string ca_file;                 // in place of the system's certificates
    std::string wire_format = "header";  // or confluent
};

struct TimeoutSettings {
    milliseconds startup{60'000};  // for the database, and a registry, to answer for the first time
    milliseconds drain{20'000};    // within a shutdown
    milliseconds stall{180'000};   // for one step of a loop, before the process gives up
    // Between becoming not ready and closing the ports. Nothing: depends on the address.
    std::optional<milliseconds> shutdown_delay;
    // How long those who watch /readyz take to notice, if programs outside this machine can.
    static constexpr milliseconds shutdown_delay_default{5'000};
};

// What happens to the rights of a process that was started as root.
struct RightsSettings {
    std::string run_as;  // the user to become; empty: chosen by give_up_rights()
};

struct LogSettings {
    std::string level = "info";
    std::string format = "auto";
};
// Applies them to the process.
void configure_log(const LogSettings& settings, const std::string& role);

inline constexpr std::uint16_t api_port = 8080;
inline constexpr std::uint16_t worker_port = 8081;
inline constexpr std::uint16_t publisher_port = 8082;
inline constexpr std::uint16_t notifier_port = 8083;

struct UpSettings {
    std::string data_dir = "ledgerline-data";
    std::string database_url;  // empty: a private cluster under data_dir
    ListenSettings listen{.port = api_port};
    AdmissionSettings admission;
    TlsSettings tls;
    AssetSettings assets;
    bus::KafkaConfig kafka;  // without brokers: the in-process bus
    SchemaRegistrySettings schemas;
    OutcomeSettings outcomes;
    WebhookSettings webhooks;
    ApplySettings apply;
    TimeoutSettings timeouts;
    RightsSettings rights;
    LogSettings log;
};

struct ApiSettings {
    std::string database_url;
    ListenSettings listen{.port = api_port};
    AdmissionSettings admission;
    TlsSettings tls;
    AssetSettings assets;
    bus::KafkaConfig kafka;  // without brokers: Kafka's state is not reported
    WebhookSettings webhooks;
    TimeoutSettings timeouts;
    RightsSettings rights;
    LogSettings log;
};

struct PublisherSettings {
    std::string database_url;
    ListenSettings listen{.port = publisher_port};
    bus::KafkaConfig kafka;
    SchemaRegistrySettings schemas;
    OutcomeSettings outcomes;
    TimeoutSettings timeouts;
    RightsSettings rights;
    LogSettings log;
};

struct NotifierSettings {
    std::string database_url;
    ListenSettings listen{.port = notifier_port};
    WebhookSettings webhooks;
    TimeoutSettings timeouts;
    RightsSettings rights;
    LogSettings log;
};

struct WorkerSettings {
    std::string database_url;
    ListenSettings listen{.port = worker_port};
    bus::KafkaConfig kafka;
    ApplySettings apply;
    TimeoutSettings timeouts;
    RightsSettings rights;
    LogSettings log;
};

}  // namespace ledgerline::roles
