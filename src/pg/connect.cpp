#include "pg/connect.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "observe/log.h"

namespace ledgerline::pg {
namespace {

constexpr std::size_t kSqlstateChars = 5;

void log_notice(void*, const PGresult* notice) {
    const char* sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    const char* message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    log::warn("PostgreSQL warns", {{"sqlstate", sqlstate ? sqlstate : ""}, {"warning", message ? message : ""}});
}

// The options that the URL asks for; nothing when libpq does not take the URL.
std::optional<std::string> options_of(const std::string& url) {
    struct Free {
        void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
    };
    char* reason = nullptr;
    const std::unique_ptr<PQconninfoOption, Free> parsed(PQconninfoParse(url.c_str(), &reason));
    PQfreemem(reason);
    if (!parsed) return std::nullopt;
    for (const PQconninfoOption* option = parsed.get(); option->keyword; ++option)
        if (std::string_view(option->keyword) == "options" && option->val) return option->val;
    return "";
}

PGconn* begin_connect(const ConnectionConfig& config, const std::string& url_options) {
    const std::string settings = fmt::format(
        "{} -c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} -c timezone=UTC "
        "-c synchronous_commit={} -c client_min_messages=warning",
        url_options, config.statement_timeout.count(), config.lock_timeout.count(),
        config.idle_in_transaction_timeout.count(), config.durable_commits ? "on" : "off");
    const char* keywords[] = {"dbname",           "application_name", "options",
                              "client_encoding",  "keepalives_idle",  "keepalives_interval",
                              "keepalives_count", "tcp_user_timeout", nullptr};
    const char* values[] = {
        config.url.c_str(), config.application_name.c_str(), settings.c_str(), "UTF8", "5", "2", "3", "10000", nullptr};
    return PQconnectStartParams(keywords, values, 1);
}

// Host names are resolved by the system's resolver, which keeps deadlines of its own.
bool finish_connect(PGconn* raw, SteadyTime deadline) {
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (PQstatus(raw) != CONNECTION_BAD && status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        if (!wait_socket(raw, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) return false;
        status = PQconnectPoll(raw);
    }
    return status == PGRES_POLLING_OK && PQstatus(raw) == CONNECTION_OK;
}

// libpq gives the SQLSTATE of a refused connect only within the message, and only when it is verbose:
// "... FATAL:  28P01: password authentication failed ...", then a "LOCATION:" line about PostgreSQL's source.
Error connect_error(PGconn* raw, milliseconds connect_timeout) {
    std::string text = PQerrorMessage(raw);
    text = text.substr(0, text.find("\nLOCATION:"));
    std::string message = one_line(text.c_str());
    if (message.empty()) message = fmt::format("no answer within {} ms", connect_timeout.count());
    std::string code(connection_lost);
    const auto severity = message.find(":  ");
    if (severity != std::string::npos) {
        const auto start = severity + 3;
        const std::string candidate = message.substr(start, kSqlstateChars);
        const bool is_code = candidate.size() == kSqlstateChars && message.substr(start + kSqlstateChars, 2) == ": " &&
                             std::all_of(candidate.begin(), candidate.end(),
                                         [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
        if (is_code) {
            code = candidate;
            message.erase(start, kSqlstateChars + 2);
        }
    }
    return error_of(code, "cannot connect to PostgreSQL: " + message);
}

}  // namespace

Result<pg_conn*> connect(const ConnectionConfig& config) {
    const auto url_options = options_of(config.url);
    if (!url_options)
        return failure(Disposition::stop, "invalid_database_url",
                       "the database URL is not one that libpq takes: postgresql://user:password@host:port/database");
    PGconn* raw = begin_connect(config, *url_options);
    if (!raw) return failure(Disposition::retry, std::string(connection_lost), "out of memory");
    PQsetNoticeReceiver(raw, log_notice, nullptr);
    PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);
    if (!finish_connect(raw, std::chrono::steady_clock::now() + config.connect_timeout)) {
        Error error = connect_error(raw, config.connect_timeout);
        PQfinish(raw);
        return std::unexpected(std::move(error));
    }
    PQsetErrorVerbosity(raw, PQERRORS_DEFAULT);
    PQsetnonblocking(raw, 1);
    return raw;
}

bool wait_socket(pg_conn* raw, short events, SteadyTime deadline) {
    while (true) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd socket{PQsocket(raw), events, 0};
        const int ready = poll(&socket, 1, static_cast<int>(left.count()));
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) return false;
    }
}

std::string one_line(const char* message) {
    std::string text = message ? message : "";
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

Error error_of(std::string_view sqlstate, std::string message) {
    return {disposition_of(classify(sqlstate)), std::string(sqlstate), std::move(message)};
}

}  // namespace ledgerline::pg
