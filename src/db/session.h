// Session: a PostgreSQL connection that is opened when first needed, and again after it was lost.
//
// Not thread-safe: one thread at a time. It does not wait between attempts: a failed run() returns at once, and its
// caller decides when to retry.
#pragma once

#include <cstdint>
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

    // Calls work(Connection&), which returns a Result, on an open connection, and returns its result, or why no
    // connection could be opened. Rolls back a transaction that work leaves open. Retries nothing: only the caller
    // knows whether work may run again after a failure. Drops a session that is no longer useful.
    //
    // Once a connect has succeeded, no later failed connect is fatal: a server that comes back from a crash or a
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

    // Which connection this is, counted from 1: what was kept from another one may be true no longer. In run().
    std::uint64_t number() const { return number_; }

    // Closes the connection. The next run() opens another one.
    void close() { connection_.reset(); }

private:
    // Runs when work returns or throws.
    struct Scope {
        Session& session;
        ~Scope() { session.settle(); }
    };

    Result<void> open_if_needed();
    void settle();

    ConnectionConfig config_;
    prometheus::Counter& reconnects_total_;
    prometheus::Gauge& up_;
    std::unique_ptr<CallMeter> meter_;  // on the heap: it stays in place when the session moves
    std::optional<Connection> connection_;
    std::uint64_t number_ = 0;  // how many connections were opened
};

}  // namespace ledgerline::db
