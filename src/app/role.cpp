#include "app/role.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "app/api_keys.h"
#include "app/leave.h"
#include "base/backoff.h"
#include "base/printable.h"
#include "cli/exit_code.h"
#include "cli/version.h"
#include "observe/log.h"
#include "observe/standard_streams.h"
#include "pg/migrations.h"
#include "pg/session_settings.h"
#include "sql/migrations.h"
#include "sql/queries.h"

namespace ledgerline::app {
namespace {

constexpr Backoff::Limits kFirstConnectBackoff{milliseconds(50), milliseconds(1000)};
constexpr std::size_t kHostChars = 64;
// The code of what ends a role that a signal reached before it served: no failure of its own.
constexpr const char* kToldToEnd = "told_to_end";
constexpr std::string_view kRightsMissing = "42501";

// One try at all of it.
Result<int> try_prepare(const std::string& url, Schema schema, std::initializer_list<CanWrite> writes) try {
    const pg::ConnectionConfig config = connection_config(url, "start");
    LEDGERLINE_TRY(auto connection, pg::Connection::open(config));
    LEDGERLINE_CHECK(pg::check_own_session(connection, config));
    if (schema == Schema::migrate) {
        LEDGERLINE_TRY(const auto levels, pg::migrate_up(connection, sql::migrations));
        for (const int level : levels) log::info("schema migrated", {{"level", level}});
    }
    LEDGERLINE_CHECK(pg::check_schema(connection, sql::migrations));
    LEDGERLINE_TRY(const auto rows, connection.query(sql::app_count_lanes));
    for (const CanWrite can_write : writes) LEDGERLINE_CHECK(can_write(connection));
    return static_cast<int>(rows.int64(0, 0));
} catch (const pg::UnexpectedAnswer& answer) {
    return failure(Disposition::retry, std::string(pg::protocol_violation),
                   std::string("PostgreSQL gave an answer that makes no sense: ") + answer.what());
}

std::string url_of(const std::string& host, std::uint16_t port) {
    return host.contains(':') ? fmt::format("http://[{}]:{}", host, port) : fmt::format("http://{}:{}", host, port);
}

// What traces call this process unless OTEL_SERVICE_NAME says otherwise.
std::string service_of(std::string_view role) {
    return role == "up" ? "ledgerline" : "ledgerline-" + std::string(role);
}

}  // namespace

void RoleProcess::announce_ready(const std::string& host, std::uint16_t port) {
    const std::string url = url_of(host, port);
    if (!write_if_room(STDOUT_FILENO, fmt::format("ledgerline is ready: {}\n", url)))
        log::warn("stdout is not read: it does not say where this role serves", {{"url", url}});
    log::info("ready", {{"url", url}});
}

std::optional<Error> RoleProcess::wait_for_end() {
    auto fatal = signals_.wait();
    deadline_.arm(shutdown_max_);
    log::info("stopping");
    return fatal;
}

int run_role(const cli::Environment& environment, const char* name, const cli::LogOptions& log,
             milliseconds shutdown_max, const std::function<Result<void>(RoleProcess&)>& body) {
    never_wait_for(STDOUT_FILENO);
    never_wait_for(STDERR_FILENO);
    cli::configure_log(log);
    auto traces = read_trace_settings(read_environment, service_of(name), cli::version);
    if (!traces) {
        log::print(printable(fmt::format("ledgerline {}: {}", name, traces.error().message)));
        return cli::exit_code_of(traces.error());
    }
    int exit_code = cli::exit_ok;
    bool leaves = false;
    {
        RoleProcess process(environment, shutdown_max, std::move(*traces));
        if (const auto done = body(process); !done && done.error().code != kToldToEnd) {
            log::print(printable(fmt::format("ledgerline {}: {}", name, done.error().message)));
            exit_code = cli::exit_code_of(done.error());
        }
        leaves = process.leaves_when_done();
    }
    if (leaves) leave_at_once(exit_code);
    return exit_code;
}

pg::ConnectionConfig connection_config(const std::string& database_url, const std::string& part) {
    pg::ConnectionConfig config;
    config.url = database_url;
    config.application_name = "ledgerline " + part;
    config.idle_in_transaction_timeout = idle_in_transaction_timeout;
    return config;
}

Result<int> prepare_database(RoleProcess& process, const std::string& database_url, milliseconds startup_timeout,
                             Schema schema, std::initializer_list<CanWrite> writes) {
    Backoff backoff(kFirstConnectBackoff, process.random());
    const SteadyTime end = process.clock().steady_now() + startup_timeout;
    std::string said;
    while (true) {
        auto lanes = try_prepare(database_url, schema, writes);
        if (lanes) return lanes;
        if (process.signals().pending())
            return failure(Disposition::retry, kToldToEnd, "told to end while the database could not be used");
        Error& error = lanes.error();
        if (error.disposition != Disposition::retry) return lanes;
        if (process.clock().steady_now() >= end) {
            // The installation is there and has to be mended.
            if (error.code == kRightsMissing) error.disposition = Disposition::stop;
            return lanes;
        }
        if (std::exchange(said, error.message) != error.message)
            log::warn("the database cannot be used yet", {{"code", error.code}, {"reason", error.message}});
        Wakeup().wait(backoff.next());
    }
}

std::string new_owner(UuidGenerator& ids) {
    std::array<char, kHostChars + 1> host{};
    gethostname(host.data(), kHostChars);
    return fmt::format("{}-{}-{}", host.data(), getpid(), ids.next().to_string());
}

http::ListenerConfig listener_config(const cli::ListenOptions& options, std::vector<std::string> api_keys) {
    http::ListenerConfig config;
    config.host = options.host;
    config.port = options.port;
    config.threads = static_cast<unsigned>(options.http_threads);
    config.connections_max = static_cast<std::size_t>(options.connections_max);
    config.connections_per_address = static_cast<std::size_t>(options.connections_per_address);
    config.trusted_proxies = options.trusted_proxies;
    config.api_keys = std::move(api_keys);
    return config;
}

Result<std::vector<std::string>> admitted_keys(const cli::AdmissionOptions& options, const std::string& host) {
    if (!options.api_keys_file.empty()) return read_api_keys(options.api_keys_file);
    if (!is_loopback(host) && !options.allow_open)
        return failure(Disposition::refuse, std::string(cli::bad_usage),
                       fmt::format("--listen {} can be reached by other machines and there are no API keys: give "
                                   "--api-keys-file, or --allow-open if that is what you want",
                                   host));
    return std::vector<std::string>{};
}

}  // namespace ledgerline::app
