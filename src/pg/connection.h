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
#include "pg/call_meter.h"
#include "pg/params.h"
#include "pg/rows.h"
#include "pg/sqlstate.h"
#include "pg/statement.h"

struct pg_conn;
struct pg_result;

namespace ledgerline::pg {

struct ConnectionConfig {
    std::string url;               // postgresql://... or key=value, as libpq takes it; its options are kept
    std::string application_name;  // shown in pg_stat_activity
    milliseconds connect_timeout{5000};
    // Enforced by the server; the client gives up a little later, so that a frozen server blocks nobody for ever.
    milliseconds statement_timeout{10000};
    milliseconds lock_timeout{5000};
    milliseconds idle_in_transaction_timeout{10000};
    // False: a commit is answered before it is on disk, and a crash of the server may undo the last ones. Only for
    // writes that may be lost without harm.
    bool durable_commits = true;
};

// One statement of a pipeline.
struct Call {
    Statement statement;
    Params params;
};

class Connection {
public:
    static Result<Connection> open(const ConnectionConfig& config);

    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;
    ~Connection();

    // Runs one prepared statement, in a transaction of its own unless begin() was called.
    Result<Rows> query(const Statement& statement, const Params& params = {});

    // Sends all calls in one round trip and returns their results in order. Outside begin()/commit() they are one
    // transaction. At the first failure the rest is skipped and the failure returned.
    Result<std::vector<Rows>> pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> pipeline(std::initializer_list<Call> calls) {
        return pipeline(std::span(calls.begin(), calls.size()));
    }

    // Runs SQL text that may hold several statements, unprepared. For migrations. at_most: how long the client waits
    // for all of it; 0: as long as for any call.
    Result<void> run_script(const std::string& sql, milliseconds at_most = milliseconds(0));

    // Leaves a failed or open transaction, if there is one. Does nothing otherwise.
    void rollback();

    bool usable() const { return usable_; }
    int backend_pid() const;
    std::string database() const;  // its name

    // Told about each round trip from now on. Null: nobody. Must outlive the connection.
    void set_meter(CallMeter* meter) { meter_ = meter; }

private:
    struct Finish {
        void operator()(pg_conn* connection) const;
    };
    struct Prepared;  // the names prepared in this session

    explicit Connection(pg_conn* raw, const ConnectionConfig& config);
    std::unexpected<Error> lost(std::string_view doing);
    std::unexpected<Error> server_error(const pg_result* result);
    Result<void> flush(SteadyTime deadline);
    Result<void> wait_readable(SteadyTime deadline);
    // The next result of the command under way; null when it has no more.
    Result<pg_result*> next_result(SteadyTime deadline);
    Result<void> send(const Call& call);
    Result<std::vector<Rows>> run_pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> receive(std::span<const Call> calls, const std::vector<bool>& prepares,
                                      SteadyTime deadline);
    Result<void> drain_to_sync(SteadyTime deadline);

    std::unique_ptr<pg_conn, Finish> raw_;
    std::unique_ptr<Prepared> prepared_;
    milliseconds call_timeout_{};
    CallMeter* meter_ = nullptr;
    bool usable_ = true;
};

// Statements of transaction control, for pipelines.
inline constexpr Statement begin{"begin", "BEGIN"};
inline constexpr Statement commit{"commit", "COMMIT"};

}  // namespace ledgerline::pg
