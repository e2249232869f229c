#include "db/connect.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <span>

#include "base/resolve.h"
#include "base/text.h"
#include "db/connect_options.h"
#include "db/wire.h"

namespace ledgerline::db {
namespace {

using Raw = std::unique_ptr<PGconn, decltype([](PGconn* raw) { PQfinish(raw); })>;

// Defaults that libpq gets unless the URL sets its own: a peer that is cut off is noticed within about ten seconds.
constexpr std::pair<const char*, const char*> kKeepalive[] = {
    {"keepalives_idle", "5"}, {"keepalives_interval", "2"}, {"keepalives_count", "3"}, {"tcp_user_timeout", "10000"}};

// libpq's words for sessions that target_session_attrs does not allow.
constexpr std::string_view kAttributeReasons[] = {"session is read-only", "session is not read-only",
                                                  "server is in hot standby mode", "server is not in hot standby mode"};

// libpq's words for TLS failures that only a repaired installation can fix.
constexpr std::string_view kTlsReasons[] = {"server does not support SSL",
                                            "root certificate",
                                            "certificate verify failed",
                                            "private key file",
                                            "certificate file",
                                            "does not match host name"};

// A pooler's words for a startup packet with server options in it.
constexpr std::string_view kNoOptionsReason = "unsupported startup parameter";

constexpr std::size_t kSqlstateChars = 5;

// Quoted as libpq does: in single quotes, with backslashes.
std::string conninfo_text(const std::map<std::string, std::string>& settings) {
    std::string text;
    for (const auto& [name, value] : settings) {
        text += name + "='";
        for (const char c : value) {
            if (c == '\'' || c == '\\') text += '\\';
            text += c;
        }
        text += "' ";
    }
    return text;
}

const char* step_of(ConnStatusType status) {
    switch (status) {
        case CONNECTION_NEEDED:
        case CONNECTION_STARTED:
        case CONNECTION_BAD:
            return "connecting";
        case CONNECTION_SSL_STARTUP:
            return "negotiating TLS";
        case CONNECTION_GSS_STARTUP:
            return "negotiating GSS encryption";
        case CONNECTION_MADE:
        case CONNECTION_AWAITING_RESPONSE:
            return "authenticating";
        case CONNECTION_AUTH_OK:
        case CONNECTION_SETENV:
            return "starting the session";
        default:
            return "checking the session's attributes";
    }
}

// One address of one host.
struct Address {
    const ConnectTarget& target;
    std::string numeric;  // "" for a Unix socket

    std::string to_string() const {
        const std::string name = target.to_string();
        return numeric.empty() || numeric == target.host || target.host.empty() ? name
                                                                                : fmt::format("{} ({})", name, numeric);
    }
};

std::unexpected<Error> failed(const std::string& where, std::string_view step, Error error) {
    error.message = fmt::format("cannot connect to PostgreSQL at {} while {}: {}", where, step, error.message);
    return std::unexpected(std::move(error));
}

// libpq reports the SQLSTATE of a refused connect only inside the message, and only when it is verbose: "connection to
// server at ... failed: FATAL:  28P01: password authentication failed", then a "LOCATION:" line about PostgreSQL's
// source. Severity and code may be absent. Of several lines, the last one belongs to the last attempt.
Error refusal(PGconn* raw) {
    std::string text = PQerrorMessage(raw);
    if (const auto prefix = text.rfind("connection to server "); prefix != std::string::npos) text.erase(0, prefix);
    text = text.substr(0, text.find("\nLOCATION:"));
    if (const auto reason = text.find(" failed: "); text.starts_with("connection to server ") && reason != text.npos)
        text.erase(0, reason + 9);
    const bool password_missing = PQconnectionNeedsPassword(raw);
    std::string code(password_missing ? invalid_password : connection_lost);
    const auto severity = text.find(":  ");
    if (severity != std::string::npos && text.find_first_of(" \n") > severity) text.erase(0, severity + 3);
    if (text.size() > kSqlstateChars + 1 && text.substr(kSqlstateChars, 2) == ": " &&
        is_sqlstate(text.substr(0, kSqlstateChars))) {
        code = text.substr(0, kSqlstateChars);
        text.erase(0, kSqlstateChars + 2);
    }
    return error_of(code, peer_text(text));
}

bool mentions(std::string_view reason, std::span<const std::string_view> texts) {
    return std::ranges::any_of(texts, [&](std::string_view text) { return reason.contains(text); });
}

class Connector {
public:
    Connector(const ConnectionConfig& config, ConnectOptions options)
        : config_(config),
          options_(std::move(options)),
          timeout_(options_.connect_timeout.value_or(config.connect_timeout)),
          attributes_(options_.target_session_attrs) {}

    Result<NewSession> connect() {
        const bool prefers_standby = attributes_ == "prefer-standby";
        for (const ConnectTarget& target : options_.targets) {
            auto addresses = addresses_of(target);
            if (!addresses) {
                note(failed(target.to_string(), "resolving its name", std::move(addresses).error()).error());
                continue;
            }
            // Nobody has said which server is wanted: of several, it is the writable one.
            const bool several = options_.targets.size() > 1 || addresses->size() > 1;
            const std::string wanted = prefers_standby        ? "standby"
                                       : !attributes_.empty() ? attributes_
                                       : several              ? "read-write"
                                                              : "any";
            for (const Address& address : *addresses) {
                auto opened = open(address, wanted);
                if (opened || opened.error().disposition != Disposition::retry) return opened;
                if (mentions(opened.error().message, kAttributeReasons)) second_best_.push_back(address);
                note(std::move(opened).error());
            }
        }
        if (prefers_standby || attributes_.empty()) {
            for (const Address& address : second_best_) {
                auto opened = open(address, "any");
                if (opened || opened.error().disposition != Disposition::retry) return opened;
                note(std::move(opened).error());
            }
        }
        Error& latest = failures_.back();
        for (std::size_t i = 0; i + 1 < failures_.size(); ++i)
            latest.message += (i == 0 ? "; before that: " : "; ") + failures_[i].message;
        return std::unexpected(std::move(latest));
    }

private:
    void note(Error error) { failures_.push_back(std::move(error)); }
    SteadyTime deadline() const { return std::chrono::steady_clock::now() + timeout_; }

    Result<std::vector<Address>> addresses_of(const ConnectTarget& target) const {
        if (target.is_socket()) return std::vector<Address>{{target, ""}};
        if (!target.hostaddr.empty()) return std::vector<Address>{{target, target.hostaddr}};
        const auto found = resolve(target.host, deadline());
        if (!found)
            return failure(
                Disposition::retry, std::string(connection_lost),
                fmt::format("could not translate host name \"{}\" to address: {}", target.host, found.error().message));
        std::vector<Address> addresses;
        for (const std::string& numeric : *found) addresses.push_back({target, numeric});
        return addresses;
    }

    // Poolers refuse a startup packet with server options in it: then they are set afterwards.
    Result<NewSession> open(const Address& address, const std::string& attributes) const {
        const bool has_options = !options_.server_options.empty();
        auto opened = try_open(address, attributes, has_options);
        if (!opened && has_options && opened.error().message.contains(kNoOptionsReason))
            opened = try_open(address, attributes, false);
        return opened;
    }

    std::map<std::string, std::string> settings_for(const Address& address, const std::string& attributes,
                                                    bool send_options) const {
        auto settings = options_.settings;
        for (const auto& [name, value] : kKeepalive) settings.emplace(name, value);
        settings["host"] = address.target.host;
        settings["hostaddr"] = address.numeric;
        settings["port"] = address.target.port;
        settings["target_session_attrs"] = attributes;
        settings["application_name"] = config_.application_name;
        settings["client_encoding"] = "UTF8";
        settings["options"] = send_options ? options_.server_options : "";
        return settings;
    }

    Result<NewSession> try_open(const Address& address, const std::string& attributes, bool send_options) const {
        const SteadyTime end = deadline();
        Raw raw(PQconnectStart(conninfo_text(settings_for(address, attributes, send_options)).c_str()));
        if (!raw) return failure(Disposition::retry, std::string(connection_lost), "out of memory");
        PQsetNoticeReceiver(raw.get(), [](void*, const PGresult* notice) { log_warning(notice); }, nullptr);
        PQsetErrorVerbosity(raw.get(), PQERRORS_VERBOSE);
        ConnStatusType step = PQstatus(raw.get());
        if (step == CONNECTION_BAD && !std::string_view(PQerrorMessage(raw.get())).starts_with("connection to server"))
            return failure(Disposition::stop, std::string(invalid_database_url),
                           "the database URL is not one that libpq accepts: " +
                               without_secrets(peer_text(PQerrorMessage(raw.get())), config_.url));
        if (!finish(raw.get(), end, step)) return connect_failure(raw.get(), address, step);
        PQsetErrorVerbosity(raw.get(), PQERRORS_DEFAULT);
        PQsetnonblocking(raw.get(), 1);
        auto opened = set_up_session(raw.get(), config_, options_, send_options, end);
        if (!opened) return failed(address.to_string(), "setting up the session", std::move(opened).error());
        return NewSession{raw.release(), *opened};
    }

    // step: receives the step it had reached when it failed.
    static bool finish(PGconn* raw, SteadyTime end, ConnStatusType& step) {
        PostgresPollingStatusType status = PGRES_POLLING_WRITING;
        while (PQstatus(raw) != CONNECTION_BAD && status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
            step = PQstatus(raw);
            if (!wait_socket(raw, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, end)) return false;
            status = PQconnectPoll(raw);
        }
        return status == PGRES_POLLING_OK && PQstatus(raw) == CONNECTION_OK;
    }

    std::unexpected<Error> connect_failure(PGconn* raw, const Address& address, ConnStatusType step) const {
        if (PQstatus(raw) != CONNECTION_BAD)
            return failed(address.to_string(), step_of(step),
                          error_of(connection_lost, fmt::format("no answer within {} ms", timeout_.count())));
        Error error = refusal(raw);
        if (error.disposition == Disposition::retry && mentions(error.message, kTlsReasons)) {
            error.disposition = Disposition::stop;
            error.code = tls_refused;
            step = CONNECTION_SSL_STARTUP;
        }
        if (mentions(error.message, kAttributeReasons)) step = CONNECTION_CHECK_TARGET;
        return failed(address.to_string(), step_of(step), std::move(error));
    }

    const ConnectionConfig& config_;
    const ConnectOptions options_;
    const milliseconds timeout_;  // for one lookup, and for one address
    const std::string attributes_;
    std::vector<Address> second_best_;
    std::vector<Error> failures_;
};

}  // namespace

Result<NewSession> connect(const ConnectionConfig& config) {
    LEDGERLINE_TRY(ConnectOptions options, read_connect_options(config.url));
    return Connector(config, std::move(options)).connect();
}

}  // namespace ledgerline::db
