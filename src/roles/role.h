// What the commands that run roles have in common: signals, the first connection, the address, and the shutdown.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "base/uuid.h"
#include "base/version.h"
#include "bus/kafka/bus.h"
#include "db/connection.h"
#include "http/server/listen_sockets.h"
#include "http/server/listener.h"
#include "observe/metrics.h"
#include "observe/process_context.h"
#include "observe/tracing.h"
#include "roles/api_keys.h"
#include "roles/environment.h"
#include "roles/exit_deadline.h"
#include "roles/rights.h"
#include "roles/settings.h"
#include "roles/signals.h"

namespace ledgerline::roles {

// How long a shutdown may take in addition to the drain timeout.
inline constexpr milliseconds shutdown_slack{15'000};

// What is decided before a role begins and before anything is created or changed.
struct RoleStart {
    std::string name;
    LogSettings log;
    ListenSettings listen;
    TimeoutSettings timeouts;
    // How long the role may take to end after a signal or a failure before the process is forced to end. The shutdown
    // delay is added to it.
    milliseconds shutdown_max;
    // Reports everything that is wrong with the settings. only_loopback: only this machine can reach the addresses.
    std::function<Result<void>(bool only_loopback)> check;
    RightsPlan rights;
};

// What a role has been given when it begins.
struct Taken {
    http::ListenSockets sockets, probe_sockets, operator_sockets;
    std::size_t connections_max = 0;  // limited by the descriptors available
};

// The process that a role runs in. One thread at a time, except fail().
class RoleProcess {
public:
    RoleProcess(const Environment& environment, const RoleStart& start, Taken taken, const TraceSettings& traces);

    const ProcessContext& context() const { return context_; }
    Signals& signals() { return signals_; }

    http::ListenerConfig listener_config() const;
    // The addresses bound for the role's server. Must be called once.
    http::ListenSockets take_sockets() { return std::move(taken_.sockets); }

    http::ListenerConfig probe_listener_config() const;
    // Those for probes only, possibly none. Must be called once.
    http::ListenSockets take_probe_sockets() { return std::move(taken_.probe_sockets); }

    http::ListenerConfig operator_listener_config() const;
    // Those for operators only, possibly none. Must be called once.
    http::ListenSockets take_operator_sockets() { return std::move(taken_.operator_sockets); }

    // Ends the role with an error: wait_for_end() returns it.
    void fail(const Error& error) { signals_.fail(error); }
    std::function<void(const Error&)> on_fatal() {
        return [this](const Error& error) { fail(error); };
    }

    // Reports in the log, and on stdout unless that is full and not being read, that the role serves there.
    void announce_ready(std::string_view scheme, std::uint16_t port);
    // How long the end of the role may wait for requests in progress, and again for what was accepted to be applied.
    milliseconds drain_max() const { return drain_max_; }
    // Waits until a signal arrives or fail() is called. Then calls not_ready and, after a signal, lets the role
    // continue until those who watch /readyz have noticed, or another signal arrives. The time limit of the shutdown
    // starts when it returns.
    std::optional<Error> wait_for_end(const std::function<void()>& not_ready);
    // The process will end without running the destructors of static objects: they would wait for a client left behind.
    void leave_when_done() { leaves_ = true; }
    bool leaves_when_done() const { return leaves_; }

private:
    const ListenSettings listen_;
    const http::Browsers::Hosts allowed_hosts_;
    const milliseconds shutdown_max_;
    const milliseconds shutdown_delay_;
    const milliseconds drain_max_;
    Taken taken_;
    Signals signals_;
    Metrics metrics_{version};
    Tracing tracing_;
    UuidGenerator ids_;
    const ProcessContext context_;
    bool leaves_ = false;
    ExitDeadline deadline_;
};

// Runs a role on the main thread, before there are other threads. Returns the exit code: 0, or that of the error, which
// is printed. Everything that body made must be destroyed when it returns.
//
// The order: the settings are checked and the addresses bound, which changes nothing; then rights that are no longer
// needed are given up; then body begins.
int run_role(const Environment& environment, const RoleStart& start,
             const std::function<Result<void>(RoleProcess&)>& body);

// The error of a role that a signal ended before it served. It is not a failure: its exit code is 0.
std::unexpected<Error> told_to_end();

// What the role will read again later: what its logins to the database and Kafka need, and the file of keys.
RightsPlan rights_plan(const RightsSettings& options, const std::string& database_url, const bus::KafkaConfig& kafka,
                       const std::string& api_keys_file = "");

// How long the server lets a transaction wait for this process. Less than the time after which the group gives a
// worker's lanes to another one, so that the other does not wait for the locks of one that hangs.
inline constexpr milliseconds idle_in_transaction_timeout{5'000};

// The session settings of one part of a role, shown in pg_stat_activity as "ledgerline <part>".
db::ConnectionConfig connection_config(const std::string& database_url, const std::string& part);

// Tries to get what the role needs before it begins, until it succeeds, a signal arrives or startup_timeout has passed,
// and fails at once if waiting cannot help. what: for the log, as "the database cannot be used yet".
Result<void> wait_at_start(RoleProcess& process, milliseconds startup_timeout, std::string_view what,
                           const std::function<Result<void>()>& attempt);

enum class Schema { migrate, must_be_current };
// Whether a session can do what the role does: can_accept, can_publish, can_apply.
using CanWrite = Result<void> (*)(db::Connection&);
// Connects for the first time, makes sure that no pooler shares the session, brings the schema up to date or checks
// that it is, and proves that the role can write. Retries until it succeeds, a signal arrives or startup_timeout has
// passed, and fails at once if waiting cannot help. Returns the number of lanes.
Result<int> prepare_database(RoleProcess& process, const std::string& database_url, milliseconds startup_timeout,
                             Schema schema, std::initializer_list<CanWrite> writes);

// "<host>-<pid>-<uuid>": the holder of a lease, for people as well as for the protocol.
std::string new_owner(UuidGenerator& ids);

// Error bad_usage (refuse): the file of keys cannot be used; or nobody could call, because there is none, no key can be
// in a database that is yet to be made, and the API may not be open.
struct Reach {
    bool only_loopback = true;
    bool database_is_there = true;
};
Result<Admission> admission_of(const AdmissionSettings& options, const std::string& host, Reach reach);
// The error of an API that others can reach and for which there is no key.
std::unexpected<Error> no_keys(const std::string& host);

}  // namespace ledgerline::roles
