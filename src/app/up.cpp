#include "app/up.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <ostream>

#include "api/api.h"
#include "app/api_keys.h"
#include "app/pipeline.h"
#include "app/signals.h"
#include "base/backoff.h"
#include "cli/exit_code.h"
#include "cli/version.h"
#include "http/listener.h"
#include "observe/log.h"
#include "pg/migrations.h"
#include "pg/private_cluster.h"
#include "sql/migrations.h"
#include "sql/queries.h"

namespace ledgerline::app {
namespace {

using cli::UpOptions;

Result<std::vector<std::string>> admission(const UpOptions& options) {
    if (!options.api_keys_file.empty()) return read_api_keys(options.api_keys_file);
    if (!is_loopback(options.host) && !options.allow_open)
        return failure(Disposition::refuse, std::string(cli::bad_usage),
                       fmt::format("--listen {} can be reached by other machines and there are no API keys: give "
                                   "--api-keys-file, or --allow-open if that is what you want",
                                   options.host));
    return std::vector<std::string>{};
}

// The first connection of the process, tried until the database answers or startup_timeout has passed.
Result<pg::Connection> first_connection(const std::string& url, const UpOptions& options, const Clock& clock,
                                        Random& random, const TerminationSignals& signals) {
    pg::ConnectionConfig config;
    config.url = url;
    config.application_name = "ledgerline up";
    Backoff backoff({milliseconds(50), milliseconds(1000)}, random);
    const SteadyTime end = clock.steady_now() + options.startup_timeout;
    while (true) {
        auto connection = pg::Connection::open(config);
        const bool give_up = clock.steady_now() >= end || signals.pending();
        if (connection || connection.error().disposition != Disposition::retry || give_up) return connection;
        Wakeup().wait(backoff.next());
    }
}

// Brings the schema up to date and says how many lanes there are.
Result<int> prepare_database(const std::string& url, const UpOptions& options, const Clock& clock, Random& random,
                             const TerminationSignals& signals) {
    LEDGERLINE_TRY(auto connection, first_connection(url, options, clock, random, signals));
    LEDGERLINE_TRY(const auto levels, pg::migrate_up(connection, sql::migrations));
    for (const int level : levels) log::info("schema migrated", {{"level", level}});
    LEDGERLINE_CHECK(pg::check_schema(connection, sql::migrations));
    LEDGERLINE_TRY(const auto rows, connection.query(sql::app_count_lanes));
    return static_cast<int>(rows.int64(0, 0));
}

std::unique_ptr<pg::PrivateCluster> make_cluster(const UpOptions& options, Random& random) {
    pg::PrivateClusterConfig config;
    config.data_dir = options.data_dir;
    config.on_progress = [](std::string_view text) { log::info(text); };
    return std::make_unique<pg::PrivateCluster>(std::move(config), random);
}

http::ListenerConfig listener_config(const UpOptions& options, std::vector<std::string> api_keys) {
    http::ListenerConfig config;
    config.host = options.host;
    config.port = options.port;
    config.threads = options.http_threads;
    config.connections_max = options.connections_max;
    config.api_keys = std::move(api_keys);
    return config;
}

std::string url_of(const std::string& host, std::uint16_t port) {
    return host.contains(':') ? fmt::format("http://[{}]:{}", host, port) : fmt::format("http://{}:{}", host, port);
}

// Serves until a signal or a fatal failure. What is built first is destroyed last.
Result<void> serve(const cli::Environment& environment, const UpOptions& options, std::vector<std::string> api_keys,
                   const std::string& database_url, int lanes, TerminationSignals& signals) {
    Metrics metrics(cli::version);
    if (options.database_url.empty()) metrics.watch_data_dir(options.data_dir);
    UuidGenerator ids(environment.clock, environment.random);
    Wakeup publisher_wakeup;
    const auto on_fatal = [&signals](const Error& error) { signals.fail(error); };

    ApiConfig api_config;
    api_config.database_url = database_url;
    api_config.version = cli::version;
    Api api(api_config, environment.clock, environment.random, metrics, ids, publisher_wakeup, on_fatal);
    http::Router router;
    api.add_routes(router);
    http::Listener listener(listener_config(options, std::move(api_keys)), router, environment.clock,
                            environment.random, metrics);
    PipelineConfig pipeline_config;
    pipeline_config.database_url = database_url;
    pipeline_config.lanes = lanes;
    pipeline_config.worker_threads = options.worker_threads;
    pipeline_config.unknown_attempts_max = options.unknown_attempts_max;
    // The lock on the data directory proves that no other process works on the private cluster.
    pipeline_config.others_are_dead = options.database_url.empty();
    Pipeline pipeline(
        pipeline_config, environment.clock, environment.random, ids, metrics, publisher_wakeup,
        [&api] { api.outcome_wakeup().notify(); }, on_fatal);

    api.start();
    LEDGERLINE_CHECK(listener.start());
    pipeline.start();
    environment.out << "ledgerline is ready: " << url_of(options.host, listener.port()) << std::endl;
    log::info("ready", {{"url", url_of(options.host, listener.port())}, {"lanes", lanes}});

    const auto fatal = signals.wait();
    log::info("stopping");
    api.begin_stop();
    listener.stop(options.drain_timeout);
    api.stop();
    const std::int64_t left = fatal ? 0 : pipeline.drain(options.drain_timeout);
    pipeline.stop();
    log::info("stopped", {{"events_left", left}});
    if (fatal) return std::unexpected(*fatal);
    return {};
}

Result<void> run(const cli::Environment& environment, const UpOptions& options) {
    TerminationSignals signals;
    LEDGERLINE_TRY(auto api_keys, admission(options));
    std::unique_ptr<pg::PrivateCluster> cluster;
    std::string database_url = options.database_url;
    if (database_url.empty()) {
        cluster = make_cluster(options, environment.random);
        LEDGERLINE_CHECK(cluster->start());
        database_url = cluster->url();
    }
    LEDGERLINE_TRY(const int lanes,
                   prepare_database(database_url, options, environment.clock, environment.random, signals));
    return serve(environment, options, std::move(api_keys), database_url, lanes, signals);
}

}  // namespace

int run_up(const cli::Environment& environment, const UpOptions& options) {
    log::configure(options.log_level, options.log_format, "ledgerline");
    const auto done = run(environment, options);
    if (done) return cli::exit_ok;
    environment.err << "ledgerline up: " << done.error().message << std::endl;
    return cli::exit_code_of(done.error());
}

}  // namespace ledgerline::app
