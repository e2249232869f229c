#include "db/wire.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "base/text.h"
#include "db/sqlstate.h"
#include "observe/log.h"

namespace ledgerline::db {

SentParams::SentParams(const Params& params) {
    values_.reserve(params.size());
    lengths_.reserve(params.size());
    forms_.reserve(params.size());
    for (const Params::Value& value : params.values()) {
        values_.push_back(value.bytes ? value.bytes->c_str() : nullptr);
        lengths_.push_back(value.bytes ? static_cast<int>(value.bytes->size()) : 0);
        forms_.push_back(static_cast<int>(value.form));
    }
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

bool is_readable(pg_conn* raw) {
    pollfd socket{PQsocket(raw), POLLIN, 0};
    return poll(&socket, 1, 0) > 0;
}

Error error_of(std::string_view sqlstate, std::string message) {
    return {disposition_of(classify(sqlstate)), std::string(sqlstate), std::move(message)};
}

Error lost_error(pg_conn* raw, std::string_view doing) {
    std::string reason = peer_text(PQerrorMessage(raw));
    if (reason.empty()) reason = "no answer in time";
    return error_of(connection_lost, fmt::format("{}: {}", doing, reason));
}

ServerError server_error_of(const pg_result* result) {
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    std::string message = peer_text(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (message.empty()) message = peer_text(PQresultErrorMessage(result));
    if (message.empty()) message = fmt::format("an answer of kind {}", PQresStatus(PQresultStatus(result)));
    // libpq's own errors have no code: the session is lost. A server that sends none cannot be worked with.
    if (!sqlstate || !is_sqlstate(sqlstate))
        return {error_of(connection_lost, "connection to PostgreSQL lost: " + message), true};
    // The second field is translated, but servers before 9.6 and poolers send no other. FATAL and PANIC end the
    // session; anything that cannot be told apart from them counts as one.
    const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (!severity) severity = PQresultErrorField(result, PG_DIAG_SEVERITY);
    const bool over = !severity || std::string_view(severity) != "ERROR" || is_session_useless(sqlstate);
    const char* constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    const bool lane_moved =
        sqlstate == unique_violation && constraint && std::string_view(constraint).ends_with(place_once);
    return {error_of(lane_moved ? demand_not_met : sqlstate, std::move(message)), over};
}

bool log_warning(const pg_result* notice) {
    const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (!severity) severity = PQresultErrorField(notice, PG_DIAG_SEVERITY);
    log::warn("PostgreSQL warns", {{"sqlstate", peer_text(PQresultErrorField(notice, PG_DIAG_SQLSTATE))},
                                   {"warning", peer_text(PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY))}});
    return !severity || std::string_view(severity) == "WARNING";
}

bool is_copy(const pg_result* result) {
    const auto status = PQresultStatus(result);
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

Result<void> flush(pg_conn* raw, SteadyTime deadline) {
    while (true) {
        const int left = PQflush(raw);
        if (left == 0) return {};
        if (left < 0 || !wait_socket(raw, POLLIN | POLLOUT, deadline))
            return std::unexpected(lost_error(raw, "sending to PostgreSQL"));
        // The server may be blocked on sending to us: take what it has sent, so that it continues reading.
        if (!PQconsumeInput(raw)) return std::unexpected(lost_error(raw, "sending to PostgreSQL"));
    }
}

Result<pg_result*> next_result(pg_conn* raw, SteadyTime deadline) {
    while (PQisBusy(raw)) {
        if (!wait_socket(raw, POLLIN, deadline)) return std::unexpected(lost_error(raw, "waiting for PostgreSQL"));
        if (!PQconsumeInput(raw)) return std::unexpected(lost_error(raw, "reading from PostgreSQL"));
    }
    // Nor may a server that sends endlessly be read endlessly.
    if (std::chrono::steady_clock::now() >= deadline)
        return std::unexpected(lost_error(raw, "waiting for the end of what PostgreSQL sends"));
    return PQgetResult(raw);
}

Result<Rows> execute_once(pg_conn* raw, const Statement& statement, const Params& params, SteadyTime deadline) {
    const SentParams sent(params);
    if (!PQsendQueryParams(raw, std::string(statement.sql).c_str(), sent.size(), nullptr, sent.values(), sent.lengths(),
                           sent.forms(), static_cast<int>(statement.rows)))
        return std::unexpected(lost_error(raw, "sending to PostgreSQL"));
    LEDGERLINE_CHECK(flush(raw, deadline));
    std::optional<Rows> rows;
    std::optional<Error> error;
    while (true) {
        LEDGERLINE_TRY(pg_result * next, next_result(raw, deadline));
        if (!next) break;
        Rows result(next);
        if (PQresultStatus(next) == PGRES_TUPLES_OK && !rows) {
            rows.emplace(std::move(result));
        } else if (!error) {
            error = server_error_of(next).error;
        }
        if (is_copy(next)) break;
    }
    if (error) return std::unexpected(std::move(*error));
    if (!rows) return std::unexpected(error_of(protocol_violation, "PostgreSQL answered a statement with nothing"));
    return std::move(*rows);
}

}  // namespace ledgerline::db
