#include "pg/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <unordered_set>

#include "pg/connect.h"

namespace ledgerline::pg {
namespace {

// How much longer than the server's statement_timeout the client waits before it gives the connection up.
constexpr milliseconds kServerGrace{2000};

// Nulls in a row, between results, that end the wait for a pipeline's end: libpq gives at most two.
constexpr int kNullsMax = 8;

}  // namespace

struct Connection::Prepared {
    std::unordered_set<std::string_view> names;
};

void Connection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

Connection::Connection(pg_conn* raw, const ConnectionConfig& config)
    : raw_(raw), prepared_(std::make_unique<Prepared>()), call_timeout_(config.statement_timeout + kServerGrace) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const ConnectionConfig& config) {
    LEDGERLINE_TRY(PGconn * raw, connect(config));
    return Connection(raw, config);
}

int Connection::backend_pid() const { return PQbackendPID(raw_.get()); }

std::string Connection::database() const { return PQdb(raw_.get()); }

std::unexpected<Error> Connection::lost(std::string_view doing) {
    usable_ = false;
    std::string message = one_line(PQerrorMessage(raw_.get()));
    if (message.empty()) message = "no answer in time";
    return std::unexpected(error_of(connection_lost, fmt::format("{}: {}", doing, message)));
}

std::unexpected<Error> Connection::server_error(const pg_result* result) {
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!sqlstate) return lost("connection to PostgreSQL lost");
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    Error error = error_of(sqlstate, one_line(message));
    // The session's plans or prepared statements are not what we think: only a new session helps.
    if (error.code == "26000" || error.code == "0A000") usable_ = false;
    // FATAL and PANIC end the session.
    const std::string_view severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity != "ERROR") usable_ = false;
    return std::unexpected(std::move(error));
}

Result<void> Connection::flush(SteadyTime deadline) {
    while (true) {
        const int left = PQflush(raw_.get());
        if (left == 0) return {};
        if (left < 0 || !wait_socket(raw_.get(), POLLIN | POLLOUT, deadline)) return lost("sending to PostgreSQL");
        // The server may be blocked on sending to us: take what it has sent, so that it goes on reading.
        if (!PQconsumeInput(raw_.get())) return lost("sending to PostgreSQL");
    }
}

Result<void> Connection::wait_readable(SteadyTime deadline) {
    while (PQisBusy(raw_.get())) {
        if (!wait_socket(raw_.get(), POLLIN, deadline)) return lost("waiting for PostgreSQL");
        if (!PQconsumeInput(raw_.get())) return lost("reading from PostgreSQL");
    }
    return {};
}

Result<pg_result*> Connection::next_result(SteadyTime deadline) {
    LEDGERLINE_CHECK(wait_readable(deadline));
    return PQgetResult(raw_.get());
}

Result<void> Connection::send(const Call& call) {
    std::vector<const char*> values(call.params.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = call.params.value(i);
    if (!PQsendQueryPrepared(raw_.get(), std::string(call.statement.name).c_str(), static_cast<int>(values.size()),
                             values.data(), nullptr, nullptr, 0))
        return lost("sending to PostgreSQL");
    return {};
}

Result<Rows> Connection::query(const Statement& statement, const Params& params) {
    LEDGERLINE_TRY(auto results, pipeline({Call{statement, params}}));
    return std::move(results.front());
}

Result<std::vector<Rows>> Connection::pipeline(std::span<const Call> calls) {
    if (!meter_) return run_pipeline(calls);
    meter_->begin(calls);
    auto results = run_pipeline(calls);
    meter_->end(results ? nullptr : &results.error());
    return results;
}

Result<std::vector<Rows>> Connection::run_pipeline(std::span<const Call> calls) {
    if (!usable_) return lost("the connection to PostgreSQL is gone");
    // The server would take the text up to there for the whole.
    for (const Call& call : calls)
        if (!call.params.storable()) return failure(Disposition::refuse, "22021", "a text holds U+0000");
    const SteadyTime deadline = std::chrono::steady_clock::now() + call_timeout_;
    if (!PQenterPipelineMode(raw_.get())) return lost("entering pipeline mode");

    std::vector<bool> prepares;
    std::unordered_set<std::string_view> preparing;
    for (const Call& call : calls) {
        const bool prepare =
            !prepared_->names.contains(call.statement.name) && preparing.insert(call.statement.name).second;
        prepares.push_back(prepare);
        if (prepare && !PQsendPrepare(raw_.get(), std::string(call.statement.name).c_str(),
                                      std::string(call.statement.sql).c_str(), 0, nullptr))
            return lost("sending to PostgreSQL");
        LEDGERLINE_CHECK(send(call));
    }
    if (!PQpipelineSync(raw_.get())) return lost("sending to PostgreSQL");
    LEDGERLINE_CHECK(flush(deadline));

    auto results = receive(calls, prepares, deadline);
    if (!usable_) return results;
    auto end = drain_to_sync(deadline);
    // What only commit finds wrong, deferred constraints among it, comes after every statement has succeeded.
    if (results && !end) results = std::unexpected(std::move(end).error());
    if (usable_ && !PQexitPipelineMode(raw_.get())) return lost("leaving pipeline mode");
    return results;
}

Result<std::vector<Rows>> Connection::receive(std::span<const Call> calls, const std::vector<bool>& prepares,
                                              SteadyTime deadline) {
    std::vector<Rows> results;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        for (int part = prepares[i] ? 0 : 1; part < 2; ++part) {
            LEDGERLINE_TRY(pg_result * raw, next_result(deadline));
            if (!raw) return lost("reading from PostgreSQL");
            Rows rows(raw);
            const auto status = PQresultStatus(raw);
            if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return server_error(raw);
            // Without an error: the transaction had failed before.
            if (calls[i].statement.name == commit.name && std::string_view(PQcmdStatus(raw)) == "ROLLBACK")
                return std::unexpected(error_of("25P02", "the transaction had failed and was rolled back"));
            if (part == 0)
                prepared_->names.insert(calls[i].statement.name);
            else
                results.push_back(std::move(rows));
            if (part == 1 && meter_) meter_->answered(calls[i].statement);
            // Each command's results end with a null.
            LEDGERLINE_TRY(pg_result * end, next_result(deadline));
            if (!end) continue;
            const Rows unexpected(end);
            return lost("a result too many from PostgreSQL");
        }
    }
    return results;
}

Result<void> Connection::drain_to_sync(SteadyTime deadline) {
    Result<void> outcome;
    int nulls = 0;
    while (true) {
        LEDGERLINE_TRY(pg_result * raw, next_result(deadline));
        if (!raw) {
            if (PQstatus(raw_.get()) != CONNECTION_OK || ++nulls > kNullsMax) return lost("reading from PostgreSQL");
            continue;
        }
        nulls = 0;
        const Rows rows(raw);
        if (PQresultStatus(raw) == PGRES_PIPELINE_SYNC) return outcome;
        if (PQresultStatus(raw) != PGRES_FATAL_ERROR) continue;
        if (outcome) outcome = server_error(raw);
        if (!usable_) return outcome;
    }
}

Result<void> Connection::run_script(const std::string& sql, milliseconds at_most) {
    if (!usable_) return lost("the connection to PostgreSQL is gone");
    const SteadyTime deadline = std::chrono::steady_clock::now() + (at_most.count() > 0 ? at_most : call_timeout_);
    if (!PQsendQuery(raw_.get(), sql.c_str())) return lost("sending to PostgreSQL");
    LEDGERLINE_CHECK(flush(deadline));
    Result<void> outcome;
    while (true) {
        LEDGERLINE_TRY(pg_result * raw, next_result(deadline));
        if (!raw) return outcome;
        const Rows rows(raw);
        if (PQresultStatus(raw) == PGRES_FATAL_ERROR && outcome) outcome = server_error(raw);
    }
}

void Connection::rollback() {
    if (!usable_ || PQtransactionStatus(raw_.get()) == PQTRANS_IDLE) return;
    if (!run_script("ROLLBACK")) usable_ = false;
}

}  // namespace ledgerline::pg
