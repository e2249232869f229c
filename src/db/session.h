// Session: a PostgreSQL connection that is opened when it is first needed, and again after it was lost.
//
// Not thread-safe: one thread at a time. It does not wait between attempts: a failed run() comes back at once, and its
// caller decides when to try again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "db/call_meter.h"
#include "db/connection.h"
#include "observe/metrics.h"
#include "observe/tracer.h"

namespace ledgerline::db {

class Session {
public:
    // pool: the label of this session's metrics. metrics and tracer must outlive the session.
    Session(ConnectionConfig config, Metrics& metrics, std::string_view pool, Tracer& tracer = Tracer::off());

    // Calls work(Connection&), which returns a Result, on an open connection, and returns what it returned, or why no
    // connection was to be had. A transaction that work leaves open is rolled back. Nothing is tried twice: whether
    // work may run again after a failure is for the caller to know. A session that is of no use any more is dropped.
    //
    // Once a connect has succeeded, no failed connect is fatal any more: a server that comes back from a crash or a
    // failover may refuse logins for a while.
    template <class Work>
    auto run(Work&& work) -> std::invoke_result_t<Work, Connection&> {
        if (auto opened = open_if_needed(); !opened) return std::unexpected(std::move(opened).error());
        Scope scope{*this};
        try {
            return std::forward<Work>(work)(*connection_);
        } catch (const UnexpectedAnswer& answer) {
            return std::unexpected(connection_->give_up(answer));
        }
    }

    // Closes the connection. The next run() opens another one.
    void close() { connection_.reset(); }

private:
    // Runs when work has returned or thrown.
    struct Scope {
        Session& session;
        ~Scope() { session.settle(); }
    };

    Result<void> open_if_needed();
    void settle();

    ConnectionConfig config_;
    prometheus::Counter& reconnects_total_;
    prometheus::Gauge& up_;
    std::unique_ptr<CallMeter> meter_;  // where it stays when the session moves
    std::optional<Connection> connection_;
    bool opened_before_ = false;
};

}  // namespace ledgerline::db
