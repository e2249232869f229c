#include "db/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <unordered_set>

#include "db/connect.h"
#include "db/wire.h"

namespace ledgerline::db {
namespace {

// How much longer than the server's statement_timeout the client waits before it abandons the connection.
constexpr milliseconds kServerGrace{2000};

// So many consecutive nulls between results end the wait for a pipeline's end: libpq returns at most two.
constexpr int kNullsMax = 8;

// The server warns when it stops waiting for a synchronous standby because an administrator cancelled the wait. The
// commit is then on the server's own disk, and perhaps nowhere else.
Error doubtful_commit() {
    return error_of(commit_in_doubt,
                    "the commit may not have reached the synchronous standbys: the wait was cancelled");
}

}  // namespace

struct Connection::State {
    std::unordered_set<std::string_view> prepared;
    unsigned warnings = 0;
};

void Connection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

Connection::Connection(pg_conn* raw, OpenedSession opened, const ConnectionConfig& config)
    : state_(std::make_unique<State>()),
      raw_(raw),
      opened_(opened),
      call_timeout_(config.statement_timeout + kServerGrace) {
    PQsetNoticeReceiver(
        raw, [](void* state, const pg_result* notice) { static_cast<State*>(state)->warnings += log_warning(notice); },
        state_.get());
}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const ConnectionConfig& config) {
    LEDGERLINE_TRY(const NewSession session, connect(config));
    return Connection(session.raw, session.opened, config);
}

std::string Connection::database() const {
    const char* name = PQdb(raw_.get());
    return name ? name : "";
}

std::unexpected<Error> Connection::lost(std::string_view doing) {
    usable_ = false;
    return std::unexpected(lost_error(raw_.get(), doing));
}

Error Connection::give_up(const UnexpectedAnswer& answer) {
    usable_ = false;
    return error_of(protocol_violation, std::string("PostgreSQL gave an answer that makes no sense: ") + answer.what());
}

std::unexpected<Error> Connection::server_error(const pg_result* result) {
    ServerError failed = server_error_of(result);
    if (failed.ends_session) usable_ = false;
    return std::unexpected(std::move(failed.error));
}

template <class T>
Result<T> Connection::noting_loss(Result<T> result) {
    if (!result && is_session_useless(result.error().code)) usable_ = false;
    return result;
}

Result<void> Connection::send(const Call& call) {
    const SentParams params(call.params);
    if (!PQsendQueryPrepared(raw_.get(), std::string(call.statement.name).c_str(), params.size(), params.values(),
                             params.lengths(), params.forms(), static_cast<int>(call.statement.rows)))
        return lost("sending to PostgreSQL");
    return {};
}

Result<Rows> Connection::query_once(const Statement& statement, const Params& params) {
    if (!usable_) return lost("the connection to PostgreSQL is gone");
    return noting_loss(execute_once(raw_.get(), statement, params, std::chrono::steady_clock::now() + call_timeout_));
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
    // The server would take the text before it for the whole.
    for (const Call& call : calls)
        if (!call.params.storable())
            return failure(Disposition::refuse, std::string(character_not_in_repertoire), "a text holds U+0000");
    const SteadyTime deadline = std::chrono::steady_clock::now() + call_timeout_;
    if (!PQenterPipelineMode(raw_.get())) return lost("entering pipeline mode");

    std::vector<bool> prepares;
    std::unordered_set<std::string_view> preparing;
    for (const Call& call : calls) {
        const bool prepare =
            !state_->prepared.contains(call.statement.name) && preparing.insert(call.statement.name).second;
        prepares.push_back(prepare);
        if (prepare && !PQsendPrepare(raw_.get(), std::string(call.statement.name).c_str(),
                                      std::string(call.statement.sql).c_str(), 0, nullptr))
            return lost("sending to PostgreSQL");
        LEDGERLINE_CHECK(send(call));
    }
    if (!PQpipelineSync(raw_.get())) return lost("sending to PostgreSQL");
    LEDGERLINE_CHECK(noting_loss(flush(raw_.get(), deadline)));

    auto results = receive(calls, prepares, deadline);
    if (!usable_) return results;
    auto end = drain_to_sync(deadline);
    // What only commit finds wrong, such as deferred constraints, comes after every statement has succeeded.
    if (results && !end) results = std::unexpected(std::move(end).error());
    if (usable_ && !PQexitPipelineMode(raw_.get())) return lost("leaving pipeline mode");
    return results;
}

Result<void> Connection::look_alive() {
    if (!usable_) return lost("the connection to PostgreSQL is gone");
    // Its last words come before the end of the stream.
    while (is_readable(raw_.get()))
        if (!PQconsumeInput(raw_.get()) || PQstatus(raw_.get()) != CONNECTION_OK)
            return lost("PostgreSQL has ended the session");
    return {};
}

Result<std::vector<Rows>> Connection::commit_pipeline(std::span<const Call> calls) {
    LEDGERLINE_CHECK(look_alive());
    auto results = pipeline(calls);
    if (results) return results;
    Error& error = results.error();
    // A server's answer to a statement means that it has rolled back, unless the answer ends the session: that may have
    // come after the commit.
    const bool rolled_back = usable_ || (is_session_useless(error.code) && !is_session_lost(error.code));
    if (!rolled_back || error.code == commit_in_doubt)
        error = {Disposition::retry, std::string(outcome_unknown), std::move(error.message)};
    return results;
}

Result<std::vector<Rows>> Connection::receive(std::span<const Call> calls, const std::vector<bool>& prepares,
                                              SteadyTime deadline) {
    std::vector<Rows> results;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        for (int part = prepares[i] ? 0 : 1; part < 2; ++part) {
            const unsigned warnings = state_->warnings;
            LEDGERLINE_TRY(pg_result * raw, noting_loss(next_result(raw_.get(), deadline)));
            if (!raw) return lost("reading from PostgreSQL");
            Rows rows(raw);
            const auto status = PQresultStatus(raw);
            if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return server_error(raw);
            // No error: the transaction had failed earlier.
            const bool is_commit = part == 1 && calls[i].statement.name == commit.name;
            if (is_commit && std::string_view(PQcmdStatus(raw)) == "ROLLBACK")
                return std::unexpected(
                    error_of(in_failed_sql_transaction, "the transaction had failed and was rolled back"));
            if (is_commit && state_->warnings != warnings) return std::unexpected(doubtful_commit());
            if (part == 0)
                state_->prepared.insert(calls[i].statement.name);
            else
                results.push_back(std::move(rows));
            if (part == 1 && meter_) meter_->answered(calls[i].statement);
            // Each command's results end with a null.
            LEDGERLINE_TRY(pg_result * end, noting_loss(next_result(raw_.get(), deadline)));
            if (!end) continue;
            const Rows unexpected(end);
            return lost("PostgreSQL gave one result too many");
        }
    }
    return results;
}

Result<void> Connection::drain_to_sync(SteadyTime deadline) {
    Result<void> outcome;
    int nulls = 0;
    const unsigned warnings = state_->warnings;
    while (true) {
        LEDGERLINE_TRY(pg_result * raw, noting_loss(next_result(raw_.get(), deadline)));
        if (!raw) {
            if (PQstatus(raw_.get()) != CONNECTION_OK || ++nulls > kNullsMax) return lost("reading from PostgreSQL");
            continue;
        }
        nulls = 0;
        const Rows rows(raw);
        if (PQresultStatus(raw) == PGRES_PIPELINE_SYNC) {
            // Without BEGIN and COMMIT, the calls are committed here.
            if (outcome && state_->warnings != warnings) return std::unexpected(doubtful_commit());
            return outcome;
        }
        if (is_copy(raw)) return lost("PostgreSQL started a COPY");
        if (PQresultStatus(raw) != PGRES_FATAL_ERROR) continue;
        if (outcome) outcome = server_error(raw);
        if (!usable_) return outcome;
    }
}

Result<void> Connection::run_script(const std::string& sql, milliseconds at_most) {
    if (!usable_) return lost("the connection to PostgreSQL is gone");
    const SteadyTime deadline = std::chrono::steady_clock::now() + (at_most.count() > 0 ? at_most : call_timeout_);
    if (!PQsendQuery(raw_.get(), sql.c_str())) return lost("sending to PostgreSQL");
    LEDGERLINE_CHECK(noting_loss(flush(raw_.get(), deadline)));
    Result<void> outcome;
    while (true) {
        LEDGERLINE_TRY(pg_result * raw, noting_loss(next_result(raw_.get(), deadline)));
        if (!raw) return outcome;
        const Rows rows(raw);
        if (is_copy(raw)) return lost("PostgreSQL started a COPY");
        if (PQresultStatus(raw) == PGRES_FATAL_ERROR && outcome) outcome = server_error(raw);
    }
}

void Connection::rollback() {
    if (!usable_ || PQtransactionStatus(raw_.get()) == PQTRANS_IDLE) return;
    if (!run_script("ROLLBACK")) usable_ = false;
}

}  // namespace ledgerline::db
