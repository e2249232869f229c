#include "api/api.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/account_endpoints.h"
#include "api/dead_letter_endpoints.h"
#include "api/event_endpoints.h"
#include "api/key_endpoints.h"
#include "api/key_keeper.h"
#include "api/operations_endpoints.h"
#include "api/tenant_endpoints.h"
#include "api/transaction_endpoints.h"
#include "api/webhook_endpoints.h"
#include "intake/pg_intake_store.h"

namespace ledgerline::api {
namespace {

constexpr milliseconds kKeeperStatementMax{2'000};

db::ConnectionConfig connection_config(const ApiConfig& config, const char* role) {
    db::ConnectionConfig connection;
    connection.url = config.database_url;
    connection.application_name = std::string("ledgerline ") + role;
    connection.connect_timeout = config.connect_timeout;
    connection.statement_timeout = config.statement_timeout;
    connection.lock_timeout = config.lock_timeout;
    connection.idle_in_transaction_timeout = config.idle_in_transaction_timeout;
    return connection;
}

db::ConnectionConfig intake_connection_config(const ApiConfig& config) {
    db::ConnectionConfig connection = connection_config(config, "intake");
    connection.statement_timeout = std::min(connection.statement_timeout, config.intake_statement_timeout);
    connection.lock_timeout = std::min(connection.lock_timeout, config.intake_statement_timeout / 2);
    return connection;
}

// A revoked key must be noticed within seconds, whatever the rows of the audit wait for.
db::ConnectionConfig keeper_connection_config(const ApiConfig& config) {
    db::ConnectionConfig connection = connection_config(config, "keys");
    connection.statement_timeout = std::min<milliseconds>(connection.statement_timeout, kKeeperStatementMax);
    connection.lock_timeout = std::min<milliseconds>(connection.lock_timeout, kKeeperStatementMax / 2);
    return connection;
}

// What reads wait for must not hold up payments, nor either of them operators: each has threads and sessions of its
// own.
DatabaseConfig database_config(const ApiConfig& config, const char* pool, unsigned threads) {
    DatabaseConfig database;
    database.connection = connection_config(config, pool);
    database.pool = pool;
    database.threads = threads;
    return database;
}

// One at a time, and not for long in the queue: each reads all accounts.
DatabaseConfig report_config(const ApiConfig& config) {
    DatabaseConfig reports = database_config(config, "reports", 1);
    reports.connection.statement_timeout = config.report_timeout;
    reports.queue_max = 10;
    return reports;
}

}  // namespace

struct Api::Parts {
    Parts(const ApiConfig& config, http::ApiKeys& api_keys, Wakeup& publisher_wakeup,
          intake::IntakeBatcher::OnFatal on_fatal, const ProcessContext& context)
        : intake_store(intake_connection_config(config), context.metrics, context.tracer),
          intake(intake_store, config.intake, publisher_wakeup, std::move(on_fatal), context),
          payments(database_config(config, "payments", config.payment_threads), context),
          reads(database_config(config, "api", config.database_threads), context),
          operators(database_config(config, "operators", config.operator_threads), context),
          reports(report_config(config), context),
          outcome_store(connection_config(config, "watcher"), context.metrics),
          watcher(outcome_store, config.watcher, context.clock, context.metrics),
          feed_store(connection_config(config, "feed"), context.metrics, "feed"),
          tail(feed_store, {}, context.clock, context.metrics),
          approvals(config.approvals, operators, context),
          accounts(reads, reports, approvals, context.ids),
          transactions({intake, payments, reads, watcher, api_keys}, context),
          dead_letters(operators, approvals, publisher_wakeup, watcher.wakeup(), context),
          events(reads, tail, api_keys, context),
          operations(operators),
          keeper(keeper_connection_config(config), api_keys, context),
          keys(operators, keeper, context),
          tenants(operators, api_keys, context),
          webhooks(operators, config.webhook_destinations, context),
          ledger(connection_config(config, "health"), config.stages, context.clock, context.metrics),
          health(health_config(config, *this), context.metrics, context.clock) {}

    std::array<Database*, 4> pools() { return {&payments, &reads, &operators, &reports}; }
    // The database comes first among the dependencies of /readyz.
    static health::HealthConfig health_config(const ApiConfig& config, Parts& parts) {
        health::HealthConfig health{
            config.version,
            {parts.ledger.dependency(), health::dependency("database", [&parts] { return parts.intake.trouble(); })},
            config.alive,
            [&parts] { return parts.ledger.facts(); }};
        health.dependencies.insert(health.dependencies.end(), config.dependencies.begin(), config.dependencies.end());
        return health;
    }

    intake::PgIntakeStore intake_store;
    intake::IntakeBatcher intake;
    Database payments, reads, operators, reports;
    PgOutcomeStore outcome_store;
    OutcomeWatcher watcher;
    feed::PgFeedStore feed_store;
    feed::FeedTail tail;
    Approvals approvals;
    AccountEndpoints accounts;
    TransactionEndpoints transactions;
    DeadLetterEndpoints dead_letters;
    EventEndpoints events;
    OperationsEndpoints operations;
    KeyKeeper keeper;
    KeyEndpoints keys;
    TenantEndpoints tenants;
    WebhookEndpoints webhooks;
    health::LedgerProbe ledger;
    health::HealthEndpoints health;
};

Api::Api(const ApiConfig& config, http::ApiKeys& keys, Wakeup& publisher_wakeup,
         std::function<void(const Error&)> on_fatal, const ProcessContext& context)
    : parts_(std::make_unique<Parts>(config, keys, publisher_wakeup, std::move(on_fatal), context)) {}
Api::~Api() { stop(); }

void Api::add_routes(http::Router& router) {
    parts_->accounts.add_routes(router);
    parts_->transactions.add_routes(router);
    parts_->dead_letters.add_routes(router);
    parts_->events.add_routes(router);
    parts_->operations.add_routes(router);
    parts_->keys.add_routes(router);
    parts_->tenants.add_routes(router);
    parts_->approvals.add_routes(router);
    parts_->webhooks.add_routes(router);
    parts_->health.add_routes(router);
}

void Api::add_probe_routes(http::Router& router) { parts_->health.add_routes(router); }

void Api::start() {
    parts_->intake.start();
    for (Database* pool : parts_->pools()) pool->start();
    parts_->watcher.start();
    parts_->tail.start();
    parts_->keeper.start();
    parts_->health.start();
}

void Api::set_not_ready() { parts_->health.set_not_ready(); }

void Api::begin_stop() {
    set_not_ready();
    parts_->watcher.stop();
    parts_->tail.stop();
}

void Api::stop() {
    begin_stop();
    parts_->health.stop();
    parts_->transactions.stop();
    parts_->intake.stop();
    parts_->keeper.stop();
    for (Database* pool : parts_->pools()) pool->stop();
}

void Api::note_outcomes() {
    parts_->watcher.wakeup().notify();
    parts_->tail.wakeup().notify();
}

}  // namespace ledgerline::api
