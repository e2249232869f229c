// Connection: one blocking PostgreSQL session with a deadline on every call.
//
// Not thread-safe: one thread at a time. A failed call's Error has the SQLSTATE as its code and the disposition that
// sqlstate.h assigns. After a call that lost the connection or ran out of time, usable() is false and every further
// call fails with connection_lost: open a new one.
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
    // postgresql://... or key=value, as libpq accepts it. PG* variables and service files supply what it does not say,
    // and its options keep their effect.
    std::string url;
    std::string application_name;  // shown in pg_stat_activity
    // For each address of each host, and for each name lookup, unless the URL, PGCONNECT_TIMEOUT or a service file says
    // otherwise.
    milliseconds connect_timeout{5000};
    // Enforced by the server; the client gives up a little later, so that a frozen server blocks nobody forever.
    milliseconds statement_timeout{10000};
    milliseconds lock_timeout{5000};
    milliseconds idle_in_transaction_timeout{10000};
    // False: a commit is answered before it is on disk, and a crash of the server may undo the latest ones. Only for
    // writes that may be lost without harm.
    bool durable_commits = true;
    // A plan made while a table was small stays with the session when the table has grown. True: no plan reads a whole
    // table where an index can be used.
    bool plans_by_index = false;
};

inline ConnectionConfig by_index(ConnectionConfig config) {
    config.plans_by_index = true;
    return config;
}

// What opening a session found out about it.
struct OpenedSession {
    int server_pid = 0;   // of the server process, as the server reports it
    bool pooled = false;  // it differs from the one given at startup: a pooler is in between
};

// One statement of a pipeline.
struct Call {
    Call(Statement what, Params with) : statement(what), params(std::move(with)) {}
    Call(const Query auto& query) : statement(query.statement), params(query.params()) {}  // NOLINT: implicit

    Statement statement;
    Params params;
};

class Connection {
public:
    // Connects as described in connect.h. Afterwards the settings of the config, and all others that change the meaning
    // of statements or the form of values, are in force and have been verified.
    static Result<Connection> open(const ConnectionConfig& config);

    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;
    ~Connection();

    // Runs one prepared statement, in its own transaction unless begin() was called.
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
    // The row of a query that always gives one. Throws UnexpectedAnswer when there is none.
    template <RowQuery Q>
    Result<typename Q::Row> query_row(const Q& query) {
        LEDGERLINE_TRY(const Rows rows, this->query(Q::statement, query.params()));
        return row_of<Q>(rows);
    }

    // The same without preparing it under a name. For statements that run once.
    Result<Rows> query_once(const Statement& statement, const Params& params = {});

    // Sends all calls in one round trip and returns their results in order. Outside begin()/commit() they form one
    // transaction. At the first failure the rest is skipped and the failure returned. A commit that the server warns
    // about may not have reached the synchronous standbys: commit_in_doubt.
    Result<std::vector<Rows>> pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> pipeline(std::initializer_list<Call> calls) {
        return pipeline(std::span(calls.begin(), calls.size()));
    }

    // The same for calls that include COMMIT. Error outcome_unknown (retry): the commit was sent and its fate is
    // unknown. After any other error the transaction is rolled back, or will be, or was never sent: the server had
    // ended the session before.
    Result<std::vector<Rows>> commit_pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> commit_pipeline(std::initializer_list<Call> calls) {
        return commit_pipeline(std::span(calls.begin(), calls.size()));
    }

    // Runs SQL text that may hold several statements, unprepared. For migrations. at_most: how long the client waits
    // for all of it; 0: as long as for any call.
    Result<void> run_script(const std::string& sql, milliseconds at_most = milliseconds(0));

    // Rolls back an open or failed transaction, if there is one.
    void rollback();

    bool usable() const { return usable_; }
    // Makes the connection unusable because the server's answer makes no sense, and returns the reason.
    Error give_up(const UnexpectedAnswer& answer);
    int server_pid() const { return opened_.server_pid; }
    // Whether a pooler is between this session and the server.
    bool pooled() const { return opened_.pooled; }
    std::string database() const;  // its name

    // meter is called for each round trip from now on. Null: none. It must outlive the connection.
    void set_meter(CallMeter* meter) { meter_ = meter; }

private:
    struct Finish {
        void operator()(pg_conn* connection) const;
    };
    struct State;  // the names prepared in this session, and its warnings

    Connection(pg_conn* raw, OpenedSession opened, const ConnectionConfig& config);
    std::unexpected<Error> lost(std::string_view doing);
    std::unexpected<Error> server_error(const pg_result* result);
    template <class T>
    Result<T> noting_loss(Result<T> result);
    Result<void> look_alive();
    Result<void> send(const Call& call);
    Result<std::vector<Rows>> run_pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> receive(std::span<const Call> calls, const std::vector<bool>& prepares,
                                      SteadyTime deadline);
    Result<void> drain_to_sync(SteadyTime deadline);

    std::unique_ptr<State> state_;  // receives raw_'s notices
    std::unique_ptr<pg_conn, Finish> raw_;
    OpenedSession opened_;
    milliseconds call_timeout_{};
    CallMeter* meter_ = nullptr;
    bool usable_ = true;
};

// Transaction control statements, for pipelines.
inline constexpr Statement begin{"begin", "BEGIN"};
inline constexpr Statement commit{"commit", "COMMIT"};

}  // namespace ledgerline::db
