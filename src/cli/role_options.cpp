#include "cli/role_options.h"

#include <fmt/format.h>

#include <optional>
#include <ranges>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/money.h"
#include "base/text.h"
#include "cli/command_line.h"
#include "cli/database.h"

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kThreadsMax = 64;
constexpr std::int64_t kConnectionsMax = 100'000;
constexpr std::int64_t kAttemptsMax = 100;
constexpr milliseconds kTimeoutMax = std::chrono::hours(1);
constexpr milliseconds kTimeoutMin{1000};

constexpr const char* kAddressRule = "HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080";

struct Address {
    std::string host;
    std::uint16_t port = 0;
};

// HOST:PORT, or [HOST]:PORT for an IPv6 address. The brackets are not part of the host.
std::optional<Address> parse_address(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    Address address{text.substr(0, colon)};
    std::string& host = address.host;
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host.contains(':') != bracketed) return std::nullopt;

    const auto port = parse_integer<std::uint16_t>(std::string_view(text).substr(colon + 1));
    if (!port) return std::nullopt;
    address.port = *port;
    return address;
}

// Takes texts separated by commas, of which none breaks the rule. Returns the rule that one breaks, or "".
std::string take_list(std::string_view text, std::string (*broken_rule)(std::string_view),
                      std::vector<std::string>& out) {
    std::vector<std::string> texts;
    for (const auto part : std::views::split(text, ',')) {
        texts.emplace_back(part.begin(), part.end());
        if (auto rule = broken_rule(texts.back()); !rule.empty()) return rule;
    }
    out = std::move(texts);
    return "";
}

// Separated by commas.
std::optional<std::vector<http::Network>> parse_networks(std::string_view text) {
    std::vector<http::Network> networks;
    for (const auto part : std::views::split(text, ',')) {
        const auto network = http::Network::parse(std::string_view(part.begin(), part.end()));
        if (!network) return std::nullopt;
        networks.push_back(*network);
    }
    return networks;
}

}  // namespace

void declare_listen(Command& command, roles::ListenSettings& options, const std::string& what) {
    command.parsed({"--listen", "HOST:PORT",
                    "Address of " + what + ", or a name with all its addresses; port 0 takes any free port"},
                   fmt::format("{}:{}", options.host, options.port), [&options](const std::string& value) {
                       const auto address = parse_address(value);
                       if (!address) return kAddressRule;
                       options.host = address->host;
                       options.port = address->port;
                       return "";
                   });
    command.option({"--http-threads", "N", "Threads that serve HTTP"}, options.http_threads, 1, kThreadsMax);
    command.option({"--connections-max", "N", "Limit of simultaneous HTTP connections; more are turned away"},
                   options.connections_max, 1, kConnectionsMax);
    command.option({"--connections-per-address", "N",
                    "Limit of connections from one address, or one IPv6 /64 network; 0: half of all"},
                   options.connections_per_address, 0, kConnectionsMax);
    command.option({"--connections-per-key", "N", "Limit of connections that use one API key; 0: half of all"},
                   options.connections_per_key, 0, kConnectionsMax);
    command.parsed({"--trusted-proxies", "CIDR,...",
                    "Proxies in front, such as 10.0.0.0/8: exempt from that limit, as they serve many clients"},
                   "none", [&options](const std::string& value) {
                       auto networks = parse_networks(value);
                       if (!networks) return "addresses or networks, such as 10.0.0.7,192.168.0.0/16,fd00::/8";
                       options.trusted_proxies = *std::move(networks);
                       return "";
                   });
    command.parsed({"--allowed-hosts", "NAME,...",
                    "Names that requests may give in Host, such as ledger.example or *.example, besides addresses and "
                    "localhost; others are refused, so that no page can pass for this server"},
                   "none but that of --listen on a loopback address, any elsewhere",
                   [&options](const std::string& value) {
                       return take_list(value, http::Browsers::broken_host_rule, options.allowed_hosts.emplace());
                   });
    command.option({"--idle-timeout", "TIME", "How long a connection is kept open for another request"},
                   options.idle_timeout, kTimeoutMin, kTimeoutMax);
}

void declare_probe_listen(Command& command, roles::ListenSettings& options) {
    command.parsed({"--probe-listen", "HOST:PORT",
                    "Second address, with its own thread, for /livez, /readyz, /health, /metrics and /stats only"},
                   "none", [&options](const std::string& value) {
                       const auto address = parse_address(value);
                       if (!address) return kAddressRule;
                       options.probe_host = address->host;
                       options.probe_port = address->port;
                       return "";
                   });
}

void declare_operator_listen(Command& command, roles::ListenSettings& options) {
    command.parsed(
        {"--operator-listen", "HOST:PORT",
         "Second address, with its own thread, that serves everything; then the console, keys, tenants, approvals, the "
         "audit, dead letters, webhooks, lanes, /health, /metrics and /stats are served nowhere else"},
        "none", [&options](const std::string& value) {
            const auto address = parse_address(value);
            if (!address) return kAddressRule;
            options.operator_host = address->host;
            options.operator_port = address->port;
            return "";
        });
}

void declare_cors(Command& command, roles::ListenSettings& options) {
    command.parsed({"--cors-origins", "ORIGIN,...",
                    "Sites whose pages may call the API from a browser, with an API key, such as https://desk.example"},
                   "none", [&options](const std::string& value) {
                       return take_list(value, http::Browsers::broken_origin_rule, options.cors_origins);
                   });
}

void declare_admission(Command& command, roles::AdmissionSettings& options) {
    command.option({"--api-keys-file", "FILE",
                    "File with API keys that may do everything, one per line, besides those of 'ledgerline keys'"},
                   options.api_keys_file);
    command.option({"--first-key-file", "FILE",
                    "Where the first key of 'ledgerline keys' is put, with the scope admin, if there was never one; "
                    "only its owner may read the file"},
                   options.first_key_file);
    command.flag({"--allow-open", "", "Serve without API keys on an address that other machines can reach"},
                 options.allow_open);
    command.parsed({"--require-approval", "ACTION,...",
                    "What is done only once another API key has approved it: discard (dead letters), suspend, close "
                    "(accounts)"},
                   "none", [&options](const std::string& value) { return options.approvals.take(value); });
    command.flag({"--refuse-card-numbers", "", "Refuse metadata with what may be the number of a payment card"},
                 options.refuse_card_numbers);
}

void declare_tokens(Command& command, roles::TokenSettings& options) {
    http::TokenPolicy& policy = options.policy;
    command.parsed(
        {"--jwt-issuer", "URL",
         "Take access tokens (JWT) that this issuer signed, besides API keys: what their claim iss says, exactly"},
        "none", [&options](const std::string& value) {
            options.policy.issuer = options.source.issuer = value;
            return "";
        });
    command.option({"--jwt-audience", "NAME", "What a token's claim aud must name; repeat it for several"},
                   policy.audiences);
    command.option({"--jwt-jwks", "URL|FILE",
                    "The issuer's keys, a JSON Web Key Set; read again while it runs. Without it from where "
                    "URL/.well-known/openid-configuration says"},
                   options.source.keys);
    command.option({"--jwt-ca-file", "FILE", "Certificates to trust of the issuer, in PEM, instead of the system's"},
                   options.source.ca_file);
    command.parsed({"--jwt-scope-claim", "NAME",
                    "The claim with a token's scopes, or a JSON pointer to it, such as /realm_access/roles"},
                   policy.scope_claim, [&policy](const std::string& value) {
                       policy.scope_claim = value;
                       return http::broken_claim_rule(value);
                   });
    command.parsed({"--jwt-tenant-claim", "NAME",
                    "The claim with the name of a token's tenant, or a JSON pointer to it; a token without it, or with "
                    "a name that is no tenant's, is refused. Without this all tokens are of the default tenant"},
                   "none", [&policy](const std::string& value) {
                       policy.tenant_claim = value;
                       return http::broken_claim_rule(value);
                   });
    command.option({"--jwt-max-amount-cents", "N", "What one transaction of a token may move; without it any amount"},
                   policy.limits.amount_cents_max, 1, amount_cents_max);
    command.flag({"--jwt-may-overdraw", "", "Tokens may give accounts a floor below 0"}, policy.limits.may_overdraw);
    command.flag({"--jwt-may-credit-external", "", "Tokens may bring in money from outside"},
                 policy.limits.may_credit_external);
    command.option({"--jwt-requests-per-second", "N", "Requests a second of one subject, in each instance"},
                   policy.limits.requests_per_second, 1, http::TokenBucket::per_second_max);
    command.option({"--jwt-transactions-per-second", "N", "Transactions a second of one subject, in each instance"},
                   policy.limits.transactions_per_second, 1, http::TokenBucket::per_second_max);
}

void declare_tls(Command& command, roles::TlsSettings& options) {
    command.option({"--tls-cert", "FILE",
                    "Serve https with this certificate, in PEM, followed by those between it and the root; read again "
                    "when it changes"},
                   options.certificate);
    command.option({"--tls-key", "FILE", "The key of that certificate, in PEM and without a password"}, options.key);
    command.option({"--tls-client-ca", "FILE",
                    "Certificates, in PEM, of which one must have signed the certificate that a client shows; without "
                    "it clients need none"},
                   options.client_authorities);
    command.flag(
        {"--tls-client-keys", "",
         "A client's certificate with one alternative name urn:uuid:ID stands for the API key with that id, in "
         "requests that bring no key or token. Only with authorities that check what they sign"},
        options.client_keys);
}

void declare_assets(Command& command, roles::AssetSettings& options) {
    command.option({"--assets-file", "FILE",
                    "File with assets of your own besides ISO 4217's currencies: a line for each with its code, three "
                    "capital letters, and its number of decimals, such as PTS 0"},
                   options.file);
}

void declare_role_database(Command& command, std::string& url) {
    declare_database_url_option({"--database-url", "URL", "The database, as a libpq URL", "DATABASE_URL", true},
                                command, url);
}

void declare_apply(Command& command, roles::ApplySettings& options) {
    command.option({"--worker-threads", "N", "Threads that apply events, each with a database session"},
                   options.worker_threads, 1, kThreadsMax);
    command.option({"--unknown-attempts-max", "N",
                    "How often an event that fails for an unknown reason is tried before it is parked"},
                   options.unknown_attempts_max, 1, kAttemptsMax);
}

void declare_outcomes(Command& command, roles::OutcomeSettings& options) {
    command.choice(
        {"--outcomes-from", "",
         "Where the topic of outcomes begins when it was never told of any: with the first one, or with what is "
         "decided from now on; off: outcomes are not published"},
        options.from, {"start", "latest", "off"});
}

void declare_webhooks_allowed(Command& command, roles::WebhookSettings& options) {
    command.parsed({"--webhook-allow", "CIDR,...",
                    "Networks that webhooks may be sent to although they are not public, such as 10.0.0.0/8, also "
                    "without https; others only at public addresses by https"},
                   "none", [&options](const std::string& value) {
                       auto networks = parse_networks(value);
                       if (!networks) return "addresses or networks, such as 10.0.0.7,192.168.0.0/16,fd00::/8";
                       options.allowed = *std::move(networks);
                       return "";
                   });
}

void declare_timeouts(Command& command, roles::TimeoutSettings& options, bool has_loops) {
    command.option({"--startup-timeout", "TIME", "How long the database may take to answer for the first time"},
                   options.startup, kTimeoutMin, kTimeoutMax);
    command.option({"--drain-timeout", "TIME", "How long requests and batches under way may take at shutdown"},
                   options.drain, milliseconds(0), kTimeoutMax);
    command.option(
        {"--shutdown-delay", "TIME",
         fmt::format("How long it keeps serving at shutdown once /readyz answers not ready; by default {}, or 0s "
                     "on a loopback address",
                     format_duration(roles::TimeoutSettings::shutdown_delay_default))},
        options.shutdown_delay, milliseconds(0), kTimeoutMax);
    if (has_loops)
        command.option({"--stall-timeout", "TIME",
                        "How long one step of a loop may take before the process ends itself with exit code 3"},
                       options.stall, kTimeoutMin, kTimeoutMax);
}

void declare_rights(Command& command, roles::RightsSettings& options) {
    command.option(
        {"--run-as", "USER",
         "The user to become when started as root; rights of root that the role still needs are kept. By default "
         "the first of postgres (with a private cluster), ledgerline and nobody"},
        options.run_as);
}

void declare_log_payments(Command& command, roles::ListenSettings& options) {
    command.flag({"--log-payments", "", "Log the answer of each payment that succeeds, as of all other requests"},
                 options.log_payments);
}

void declare_log(Command& command, roles::LogSettings& options) {
    command.choice({"--log-level", "", "The least severe messages to log"}, options.level,
                   {"debug", "info", "warn", "error"});
    command.choice({"--log-format", "", "auto: plain on a terminal, JSON otherwise"}, options.format,
                   {"auto", "json", "plain"});
}

}  // namespace ledgerline::cli
