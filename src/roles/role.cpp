#include "roles/role.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/backoff.h"
#include "base/text.h"
#include "base/version.h"
#include "db/migrations.h"
#include "db/session_settings.h"
#include "db/sqlstate.h"
#include "observe/log.h"
#include "observe/standard_streams.h"
#include "roles/api_keys.h"
#include "roles/database_transport.h"
#include "roles/descriptors.h"
#include "roles/exit_code.h"
#include "roles/exit_deadline.h"
#include "roles/trace_sender.h"
#include "sql/migrations.h"
#include "sql/queries.h"

namespace ledgerline::roles {
namespace {

constexpr Backoff::Limits kFirstConnectBackoff{milliseconds(50), milliseconds(1000)};
constexpr std::size_t kHostChars = 64;
// The code of a role that a signal ended before it served: not a failure of its own.
constexpr const char* kToldToEnd = "told_to_end";

// One attempt at all of it.
Result<int> try_prepare(const std::string& url, Schema schema, std::initializer_list<CanWrite> writes) try {
    const db::ConnectionConfig config = connection_config(url, "start");
    LEDGERLINE_TRY(auto connection, db::Connection::open(config));
    LEDGERLINE_CHECK(db::check_own_session(connection, config));
    if (schema == Schema::migrate) {
        LEDGERLINE_TRY(const auto levels, db::migrate_up(connection, sql::migrations, sql::database_roles));
        for (const int level : levels) log::info("schema migrated", {{"level", level}});
    }
    LEDGERLINE_CHECK(db::check_schema(connection, sql::migrations));
    LEDGERLINE_TRY(const auto counted, connection.query_row(sql::RolesCountLanes{}));
    for (const CanWrite can_write : writes) LEDGERLINE_CHECK(can_write(connection));
    return static_cast<int>(counted.lanes);
} catch (const db::UnexpectedAnswer& answer) {
    return failure(Disposition::retry, std::string(db::protocol_violation),
                   std::string("PostgreSQL gave an answer that makes no sense: ") + answer.what());
}

std::string url_of(std::string_view scheme, const std::string& host, std::uint16_t port) {
    return fmt::format(fmt::runtime(host.contains(':') ? "{}://[{}]:{}" : "{}://{}:{}"), scheme, host, port);
}

// The name of this process in traces unless OTEL_SERVICE_NAME says otherwise.
std::string service_of(std::string_view role) {
    return role == "up" ? "ledgerline" : "ledgerline-" + std::string(role);
}

// Logs nothing before the rights are given up: the log's thread would keep them.
Result<Taken> begin(const RoleStart& start) {
    Taken begun;
    LEDGERLINE_TRY(begun.sockets, http::ListenSockets::bind(start.listen.host, start.listen.port));
    if (!start.listen.probe_host.empty()) {
        LEDGERLINE_TRY(begun.probe_sockets,
                       http::ListenSockets::bind(start.listen.probe_host, start.listen.probe_port));
    }
    if (!start.listen.operator_host.empty()) {
        LEDGERLINE_TRY(begun.operator_sockets,
                       http::ListenSockets::bind(start.listen.operator_host, start.listen.operator_port));
    }
    const bool only_loopback = begun.sockets.only_loopback() && begun.operator_sockets.only_loopback();
    LEDGERLINE_CHECK(start.check(only_loopback));
    const std::size_t limit = raise_descriptor_limit(), asked = static_cast<std::size_t>(start.listen.connections_max);
    LEDGERLINE_TRY(begun.connections_max, connections_below(limit, asked));
    LEDGERLINE_TRY(const RightsKept kept, give_up_rights(start.rights));
    if (!kept.user.empty()) log::info("gave up root's rights", {{"user", kept.user}});
    if (!kept.because.empty()) log::warn("this process stays root, with reduced rights", {{"reason", kept.because}});
    if (begun.connections_max < asked)
        log::warn("fewer connections than requested: this process may open too few files",
                  {{"connections_max", begun.connections_max}, {"asked", asked}, {"open_files_max", limit}});
    return begun;
}

milliseconds shutdown_delay_of(const RoleStart& start, const http::ListenSockets& sockets) {
    const milliseconds by_address = sockets.only_loopback() ? milliseconds(0) : TimeoutSettings::shutdown_delay_default;
    return start.timeouts.shutdown_delay.value_or(by_address);
}

// A server that only this machine can reach is reached by an address or as localhost, unless it listens on a name.
http::Browsers::Hosts allowed_hosts_of(const ListenSettings& listen, bool only_loopback) {
    if (listen.allowed_hosts || !only_loopback) return listen.allowed_hosts;
    return std::vector{lower(listen.host)};
}

}  // namespace

RoleProcess::RoleProcess(const Environment& environment, const RoleStart& start, Taken taken,
                         const TraceSettings& traces)
    : listen_(start.listen),
      allowed_hosts_(allowed_hosts_of(start.listen, taken.sockets.only_loopback())),
      shutdown_max_(start.shutdown_max),
      shutdown_delay_(shutdown_delay_of(start, taken.sockets)),
      drain_max_(start.timeouts.drain),
      taken_(std::move(taken)),
      tracing_(traces, HttpTraceSender::of(traces), environment.clock, environment.random, metrics_),
      ids_(environment.clock, environment.random),
      context_{environment.clock, environment.random, ids_, metrics_, tracing_.tracer()} {}

void RoleProcess::announce_ready(std::string_view scheme, std::uint16_t port) {
    const std::string url = url_of(scheme, listen_.host, port);
    if (!write_if_room(STDOUT_FILENO, fmt::format("ledgerline is ready: {}\n", url)))
        log::warn("stdout is not being read: it does not show where this role serves", {{"url", url}});
    log::info("ready", {{"url", url}});
}

std::optional<Error> RoleProcess::wait_for_end(const std::function<void()>& not_ready) {
    auto fatal = signals_.wait();
    not_ready();
    if (!fatal && shutdown_delay_.count() > 0) {
        log::info("no longer ready; continuing to serve for a while", {{"delay_ms", shutdown_delay_.count()}});
        fatal = signals_.wait_again(shutdown_delay_);
    }
    deadline_.arm(shutdown_max_);
    log::info("stopping");
    return fatal;
}

int run_role(const Environment& environment, const RoleStart& start,
             const std::function<Result<void>(RoleProcess&)>& body) {
    Signals::claim();
    never_wait_for(STDOUT_FILENO);
    never_wait_for(STDERR_FILENO);
    configure_log(start.log, std::string(start.name));
    int exit_code = exit_ok;
    const auto report = [&](const Error& error) {
        log::print(printable(fmt::format("ledgerline {}: {}", start.name, error.message)));
        exit_code = exit_code_of(error);
    };
    auto begun = begin(start);
    if (!begun) {
        report(begun.error());
        return exit_code;
    }
    bool leaves = false;
    {
        RoleProcess process(environment, start, *std::move(begun),
                            read_trace_settings(read_environment, service_of(start.name), version));
        if (const auto done = body(process); !done && done.error().code != kToldToEnd) report(done.error());
        leaves = process.leaves_when_done();
    }
    if (leaves) leave_at_once(exit_code);
    return exit_code;
}

std::unexpected<Error> told_to_end() {
    return failure(Disposition::retry, kToldToEnd, "asked to end before it was ready");
}

RightsPlan rights_plan(const RightsSettings& options, const std::string& database_url, const bus::KafkaConfig& kafka,
                       const std::string& api_keys_file) {
    RightsPlan plan{.run_as = options.run_as, .files = {}, .database_url = database_url};
    if (!api_keys_file.empty()) plan.files.emplace_back(api_keys_file);
    // The client is recreated after failures, and then reads its certificates and keys again.
    for (const auto& [name, value] : kafka.properties)
        if (value.starts_with('/')) plan.files.emplace_back(value);
    return plan;
}

db::ConnectionConfig connection_config(const std::string& database_url, const std::string& part) {
    db::ConnectionConfig config;
    config.url = database_url;
    config.application_name = "ledgerline " + part;
    config.idle_in_transaction_timeout = idle_in_transaction_timeout;
    return config;
}

Result<int> prepare_database(RoleProcess& process, const std::string& database_url, milliseconds startup_timeout,
                             Schema schema, std::initializer_list<CanWrite> writes) {
    if (const std::string where = unproven_database(database_url); !where.empty())
        log::warn(
            "the network between here and the database could read and change what is sent: nothing proves that "
            "the server is ours; use sslmode=verify-full",
            {{"database", where}});
    int lanes = 0;
    auto ready = wait_at_start(process, startup_timeout, "the database cannot be used yet", [&]() -> Result<void> {
        LEDGERLINE_TRY(lanes, try_prepare(database_url, schema, writes));
        return {};
    });
    if (ready) return lanes;
    // The installation exists and must be repaired.
    if (ready.error().code == db::insufficient_privilege) ready.error().disposition = Disposition::stop;
    return std::unexpected(std::move(ready.error()));
}

Result<void> wait_at_start(RoleProcess& process, milliseconds startup_timeout, std::string_view what,
                           const std::function<Result<void>()>& attempt) {
    const Signals::EndsPromptly ends_promptly(process.signals());
    Backoff backoff(kFirstConnectBackoff, process.context().random);
    const SteadyTime end = process.context().clock.steady_now() + startup_timeout;
    std::string said;
    while (true) {
        if (process.signals().pending()) return told_to_end();
        auto done = attempt();
        if (done) return done;
        if (process.signals().pending()) return told_to_end();
        const Error& error = done.error();
        if (error.disposition != Disposition::retry || process.context().clock.steady_now() >= end) return done;
        if (std::exchange(said, error.message) != error.message)
            log::warn(what, {{"code", error.code}, {"reason", error.message}});
        Wakeup().wait(backoff.next());
    }
}

std::string new_owner(UuidGenerator& ids) {
    std::array<char, kHostChars + 1> host{};
    gethostname(host.data(), kHostChars);
    return fmt::format("{}-{}-{}", host.data(), getpid(), ids.next().to_string());
}

http::ListenerConfig RoleProcess::listener_config() const {
    http::ListenerConfig config;
    config.host = listen_.host;
    config.port = listen_.port;
    config.threads = static_cast<unsigned>(listen_.http_threads);
    config.connections_max = taken_.connections_max;
    config.connections_per_address = static_cast<std::size_t>(listen_.connections_per_address);
    config.trusted_proxies = listen_.trusted_proxies;
    config.connections_per_key = static_cast<std::size_t>(listen_.connections_per_key);
    config.idle_timeout = listen_.idle_timeout;
    config.allowed_hosts = allowed_hosts_;
    config.cors_origins = listen_.cors_origins;
    config.log_payments = listen_.log_payments;
    return config;
}

http::ListenerConfig RoleProcess::operator_listener_config() const {
    http::ListenerConfig config = listener_config();
    config.host = listen_.operator_host;
    config.port = listen_.operator_port;
    config.threads = 1;
    config.connections_max = config.connections_per_address = operator_connections_max;
    config.connections_per_key = INT64_MAX;  // those of the other listener count, too, and must not shut this one
    return config;
}

http::ListenerConfig RoleProcess::probe_listener_config() const {
    http::ListenerConfig config;
    config.host = listen_.probe_host;
    config.port = listen_.probe_port;
    config.threads = 1;
    config.connections_max = probe_connections_max;
    config.connections_per_address = probe_connections_max;
    config.idle_timeout = listen_.idle_timeout;
    return config;
}

Result<Admission> admission_of(const AdmissionSettings& options, const std::string& host, Reach reach) {
    Admission admission{.keys_path = options.api_keys_file, .keys = {}, .first_key_path = options.first_key_file};
    LEDGERLINE_CHECK(check_tokens(options.tokens));
    admission.tokens = options.tokens;
    admission.approvals = options.approvals;
    if (!admission.keys_path.empty()) {
        LEDGERLINE_TRY(admission.keys, read_api_keys(admission.keys_path));
    } else if (!admission.tokens.empty()) {
        admission.always_asked = true;
    } else if (!reach.only_loopback && !options.allow_open) {
        if (!reach.database_is_there && options.first_key_file.empty()) return no_keys(host);
        admission.always_asked = true;
    }
    return admission;
}

std::unexpected<Error> no_keys(const std::string& host) {
    return failure(Disposition::refuse, std::string(bad_usage),
                   fmt::format("--listen {} can be reached by other machines and there are no API keys: give "
                               "--first-key-file, --api-keys-file or --jwt-issuer, or --allow-open if that is intended",
                               host));
}

}  // namespace ledgerline::roles
