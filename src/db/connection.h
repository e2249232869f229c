// Connection: one blocking PostgreSQL session with a deadline on every call.
//
// Not thread-safe: one thread at a time. A failed call's Error carries the SQLSTATE as its code and the disposition
// that sqlstate.h gives it. After a call that lost the connection or ran out of time, usable() is false and every
// further call fails with connection_lost: open a new one.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/call_meter.h"
#include "db/params.h"
#include "db/query.h"
#include "db/rows.h"
#include "db/sqlstate.h"
#include "db/statement.h"

struct pg_conn;
struct pg_result;

namespace ledgerline::db {

struct ConnectionConfig {
    // postgresql://... or key=value, as libpq takes it. What it does not say, PG* variables and service files do, and
    // its options keep their effect.
    std::string url;
    std::string application_name;  // shown in pg_stat_activity
    // Of one address of one host, and of looking up one name, unless the URL, PGCONNECT_TIMEOUT or a service file says
    // otherwise.
    milliseconds connect_timeout{5000};
    // Enforced by the server; the client gives up a little later, so that a frozen server blocks nobody for ever.
    milliseconds statement_timeout{10000};
    milliseconds lock_timeout{5000};
    milliseconds idle_in_transaction_timeout{10000};
    // False: a commit is answered before it is on disk, and a crash of the server may undo the last ones. Only for
    // writes that may be lost without harm.
    bool durable_commits = true;
};

// What opening a session has found out about it.
struct OpenedSession {
    int server_pid = 0;   // of the server process, as it says itself
    bool pooled = false;  // it is another one than the startup told: a pooler stands between
};

// One statement of a pipeline.
struct Call {
    Call(Statement what, Params with) : statement(what), params(std::move(with)) {}
    Call(const Query auto& query) : statement(query.statement), params(query.params()) {}  // NOLINT: {sql::X{}, sql::Y{}}

    Statement statement;
    Params params;
};

class Connection {
public:
    // Connects as connect.h says. Afterwards the settings of the config, and what else changes the meaning of
    // statements and the form of values, are in force and have been seen to be.
    static Result<Connection> open(const ConnectionConfig& config);

    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;
    ~Connection();

    // Runs one prepared statement, in a transaction of its own unless begin() was called.
    Result<Rows> query(const Statement& statement, const Params& params = {});

    // The same of a typed query: its rows, or how many rows it changed when it gives none.
    template <RowQuery Q>
    Result<std::vector<typename Q::Row>> query(const Q& query) {
        LEDGERLINE_TRY(const Rows rows, this->query(Q::statement, query.params()));
        return rows_of<Q>(rows);
    }
    template <Query Q>
    Result<std::int64_t> execute(const Q& query) {
        LEDGERLINE_TRY(const Rows rows, this->query(Q::statement, query.params()));
        return rows.affected();
    }

    // The same without preparing it under a name. For what is asked once.
    Result<Rows> query_once(const Statement& statement, const Params& params = {});

    // Sends all calls in one round trip and returns their results in order. Outside begin()/commit() they are one
    // transaction. At the first failure the rest is skipped and the failure returned. A commit that the server warns
    // about has perhaps not reached the synchronous standbys: commit_in_doubt.
    Result<std::vector<Rows>> pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> pipeline(std::initializer_list<Call> calls) {
        return pipeline(std::span(calls.begin(), calls.size()));
    }

    // The same of calls with COMMIT among them. Error outcome_unknown (retry): the commit was sent and its fate is not
    // known. After any other error the transaction is rolled back, or will be.
    Result<std::vector<Rows>> commit_pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> commit_pipeline(std::initializer_list<Call> calls) {
        return commit_pipeline(std::span(calls.begin(), calls.size()));
    }

    // Runs SQL text that may hold several statements, unprepared. For migrations. at_most: how long the client waits
    // for all of it; 0: as long as for any call.
    Result<void> run_script(const std::string& sql, milliseconds at_most = milliseconds(0));

    // Leaves a failed or open transaction, if there is one. Does nothing otherwise.
    void rollback();

    bool usable() const { return usable_; }
    // Makes it unusable and says why, when what the server answered makes no sense.
    Error give_up(const UnexpectedAnswer& answer);
    int server_pid() const { return opened_.server_pid; }
    // Whether a pooler stands between this session and the server.
    bool pooled() const { return opened_.pooled; }
    std::string database() const;  // its name

    // Told about each round trip from now on. Null: nobody. Must outlive the connection.
    void set_meter(CallMeter* meter) { meter_ = meter; }

private:
    struct Finish {
        void operator()(pg_conn* connection) const;
    };
    struct State;  // the names prepared in this session, and what it was warned of

    Connection(pg_conn* raw, OpenedSession opened, const ConnectionConfig& config);
    std::unexpected<Error> lost(std::string_view doing);
    std::unexpected<Error> server_error(const pg_result* result);
    template <class T>
    Result<T> noting_loss(Result<T> result);
    Result<void> send(const Call& call);
    Result<std::vector<Rows>> run_pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> receive(std::span<const Call> calls, const std::vector<bool>& prepares,
                                      SteadyTime deadline);
    Result<void> drain_to_sync(SteadyTime deadline);

    std::unique_ptr<State> state_;  // which raw_'s notices go to
    std::unique_ptr<pg_conn, Finish> raw_;
    OpenedSession opened_;
    milliseconds call_timeout_{};
    CallMeter* meter_ = nullptr;
    bool usable_ = true;
};

// Statements of transaction control, for pipelines.
inline constexpr Statement begin{"begin", "BEGIN"};
inline constexpr Statement commit{"commit", "COMMIT"};

}  // namespace ledgerline::db
