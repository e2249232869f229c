#include "db/session_settings.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <map>

#include "db/wire.h"
#include "sql/queries.h"

namespace ledgerline::db {
namespace {

constexpr const char* kUseSessionMode =
    "a pooler gives each transaction another session, with other settings, prepared statements and locks: "
    "use session pooling (pgbouncer: pool_mode = session)";

struct Settings {
    std::vector<std::string> names, values;
    void add(std::string name, std::string value) {
        names.push_back(std::move(name));
        values.push_back(std::move(value));
    }
};

Settings fixed_settings(const ConnectionConfig& config) {
    Settings fixed;
    // Limits.
    fixed.add("statement_timeout", std::to_string(config.statement_timeout.count()));
    fixed.add("lock_timeout", std::to_string(config.lock_timeout.count()));
    fixed.add("idle_in_transaction_session_timeout", std::to_string(config.idle_in_transaction_timeout.count()));
    fixed.add("synchronous_commit", config.durable_commits ? "on" : "off");
    if (config.plans_by_index) fixed.add("enable_seqscan", "off");
    // What statements mean. With row_security off, a policy that would leave rows out is an error.
    fixed.add("default_transaction_isolation", "read committed");
    fixed.add("default_transaction_deferrable", "off");
    fixed.add("row_security", "off");
    fixed.add("standard_conforming_strings", "on");
    fixed.add("array_nulls", "on");
    fixed.add("transform_null_equals", "off");
    // How values are written.
    fixed.add("client_encoding", "UTF8");
    fixed.add("timezone", "UTC");
    fixed.add("datestyle", "ISO, MDY");
    fixed.add("intervalstyle", "postgres");
    fixed.add("bytea_output", "hex");
    fixed.add("extra_float_digits", "1");
    fixed.add("client_min_messages", "warning");
    return fixed;
}

// By name, in the form set_config() returns: "10s" for 10000.
using InForce = std::map<std::string, std::string>;

template <RowQuery Q>
Result<std::vector<typename Q::Row>> run(pg_conn* raw, const Q& query, SteadyTime deadline) {
    LEDGERLINE_TRY(const Rows rows, execute_once(raw, Q::statement, query.params(), deadline));
    return rows_of<Q>(rows);
}

// Q: a query that sets what it is given and returns what is then in force.
template <class Q>
Result<void> set(pg_conn* raw, const Settings& settings, SteadyTime deadline, InForce& in_force) {
    LEDGERLINE_TRY(auto now, run(raw, Q{.names = settings.names, .values = settings.values}, deadline));
    for (sql::Setting& setting : now) in_force[std::move(setting.name)] = std::move(setting.value);
    return {};
}

// When the startup packet could not carry the options, only settings can still be given to the server.
Result<void> restore_options(pg_conn* raw, const std::string& server_options, bool options_sent, SteadyTime deadline,
                             InForce& in_force) {
    if (server_options.empty()) return {};
    const auto refused = [&](std::string_view reason) {
        return failure(Disposition::stop, std::string(setting_refused),
                       fmt::format("the options \"{}\" did not reach the server and cannot be set afterwards: {}",
                                   server_options, reason));
    };
    const auto wanted = parse_server_options(server_options);
    if (!wanted && options_sent) return {};
    if (!wanted) return refused("they are not settings (-c name=value)");
    Settings settings;
    for (const auto& [name, value] : *wanted) settings.add(name, value);
    auto restored = set<sql::DbSessionRestore>(raw, settings, deadline, in_force);
    if (!restored && restored.error().disposition != Disposition::retry) return refused(restored.error().message);
    return restored;
}

Result<OpenedSession> check(pg_conn* raw, const InForce& in_force, SteadyTime deadline) {
    std::vector<std::string> names;
    for (const auto& [name, value] : in_force) names.push_back(name);
    LEDGERLINE_TRY(const auto settings, run(raw, sql::DbSessionCheck{.names = names}, deadline));
    expect(!settings.empty() && settings.size() == names.size(), "a setting is missing in the answer");
    for (const auto& setting : settings) {
        const auto set_before = in_force.find(setting.name);
        if (set_before == in_force.end() || set_before->second != setting.value)
            return failure(
                Disposition::stop, std::string(shared_session),
                fmt::format("the setting {} is gone in the next transaction: {}", setting.name, kUseSessionMode));
    }
    const auto& session = settings.front();
    if (session.server_encoding != "UTF8")
        return failure(Disposition::stop, std::string(wrong_encoding),
                       fmt::format("the database keeps its text as {}, which cannot hold every text: create it with "
                                   "ENCODING 'UTF8'",
                                   session.server_encoding));
    return OpenedSession{session.server_pid, session.server_pid != PQbackendPID(raw)};
}

Result<OpenedSession> set_up(pg_conn* raw, const ConnectionConfig& config, const ConnectOptions& options,
                             bool options_sent, SteadyTime deadline) {
    InForce in_force;
    LEDGERLINE_CHECK(restore_options(raw, options.server_options, options_sent, deadline, in_force));
    LEDGERLINE_CHECK(set<sql::DbSessionFix>(raw, fixed_settings(config), deadline, in_force));
    return check(raw, in_force, deadline);
}

}  // namespace

Result<OpenedSession> set_up_session(pg_conn* raw, const ConnectionConfig& config, const ConnectOptions& options,
                                     bool options_sent, SteadyTime deadline) {
    try {
        return set_up(raw, config, options, options_sent, deadline);
    } catch (const UnexpectedAnswer& answer) {
        return std::unexpected(error_of(protocol_violation, answer.what()));
    }
}

Result<void> check_own_session(Connection& first, const ConnectionConfig& config) {
    if (!first.pooled()) return {};
    LEDGERLINE_TRY(Connection second, Connection::open(config));
    // A pooler hands out the server's sessions in the order in which they were given back, or in reverse. These turns
    // reveal both, even when there are only two server sessions.
    Connection* const turns[] = {&first, &second, &second, &first, &first, &second};
    const int own[] = {first.server_pid(), second.server_pid()};
    bool shared = own[0] == own[1];
    for (Connection* const turn : turns) {
        LEDGERLINE_TRY(const Rows rows, turn->query_once(sql::DbSessionPid::statement));
        const int server_pid = row_of<sql::DbSessionPid>(rows).server_pid;
        shared = shared || server_pid != own[turn == &first ? 0 : 1];
    }
    if (shared) return failure(Disposition::stop, std::string(shared_session), kUseSessionMode);
    return {};
}

}  // namespace ledgerline::db
