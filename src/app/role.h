// What the commands that run roles have in common: signals, the first connection, the address, and the end.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "app/exit_deadline.h"
#include "app/signals.h"
#include "base/uuid.h"
#include "cli/environment.h"
#include "cli/roles.h"
#include "cli/version.h"
#include "http/listener.h"
#include "observe/metrics.h"
#include "observe/tracing.h"
#include "pg/connection.h"

namespace ledgerline::app {

// What a shutdown may take besides the time given for draining.
inline constexpr milliseconds shutdown_slack{15'000};

// The process that a role runs in. One thread at a time, but for fail().
class RoleProcess {
public:
    // shutdown_max: how long the role may take to end after a signal or a failure, before the process is ended anyway.
    RoleProcess(const cli::Environment& environment, milliseconds shutdown_max, TraceSettings traces)
        : environment_(environment),
          shutdown_max_(shutdown_max),
          tracing_(std::move(traces), environment.clock, environment.random, metrics_) {}

    const Clock& clock() const { return environment_.clock; }
    Random& random() const { return environment_.random; }
    Metrics& metrics() { return metrics_; }
    Tracer& tracer() { return tracing_.tracer(); }
    UuidGenerator& ids() { return ids_; }
    const TerminationSignals& signals() const { return signals_; }

    // Ends the role with an error: wait_for_end() returns it.
    void fail(const Error& error) { signals_.fail(error); }
    std::function<void(const Error&)> on_fatal() {
        return [this](const Error& error) { fail(error); };
    }

    // Says on stdout, unless nobody reads it and it is full, and in the log that the role serves there.
    void announce_ready(const std::string& host, std::uint16_t port);
    // Returns when a signal arrived or fail() was called. From then on the time for the shutdown runs.
    std::optional<Error> wait_for_end();
    // The process ends without running destructors of what is static: they would wait for a client left behind.
    void leave_when_done() { leaves_ = true; }
    bool leaves_when_done() const { return leaves_; }

private:
    const cli::Environment& environment_;
    const milliseconds shutdown_max_;
    TerminationSignals signals_;  // before any thread is started
    Metrics metrics_{cli::version};
    Tracing tracing_;
    UuidGenerator ids_{environment_.clock, environment_.random};
    bool leaves_ = false;
    ExitDeadline deadline_;
};

// Runs a role on the main thread, before there are other threads. Returns the exit code: 0, or that of the error,
// which is printed. Everything that body made must be gone when it returns.
int run_role(const cli::Environment& environment, const char* name, const cli::LogOptions& log,
             milliseconds shutdown_max, const std::function<Result<void>(RoleProcess&)>& body);

// How long the server lets a transaction wait for this process. Below the time after which the group gives a worker's
// lanes to another one, so that this one does not wait for the locks of one that stands still.
inline constexpr milliseconds idle_in_transaction_timeout{5'000};

// The session settings of one part of a role, which pg_stat_activity shows as "ledgerline <part>".
pg::ConnectionConfig connection_config(const std::string& database_url, const std::string& part);

enum class Schema { migrate, must_be_current };
// Whether a session can do what the role does: can_accept, can_publish, can_apply.
using CanWrite = Result<void> (*)(pg::Connection&);
// Connects for the first time, makes sure that no pooler shares the session, brings the schema up to date or checks
// that it is, and proves that the role can write. Tries until it is so, a signal comes or startup_timeout has passed,
// and gives up at once what waiting cannot cure. Returns how many lanes there are.
Result<int> prepare_database(RoleProcess& process, const std::string& database_url, milliseconds startup_timeout,
                             Schema schema, std::initializer_list<CanWrite> writes);

// "<host>-<pid>-<uuid>": who holds a lease, for people as well as for the protocol.
std::string new_owner(UuidGenerator& ids);

http::ListenerConfig listener_config(const cli::ListenOptions& options, std::vector<std::string> api_keys = {});
// The keys of the file, or none where the API may be open. Error bad_usage.
Result<std::vector<std::string>> admitted_keys(const cli::AdmissionOptions& options, const std::string& host);

}  // namespace ledgerline::app
