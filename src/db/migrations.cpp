#include "db/migrations.h"

#include <fmt/format.h>
#include <sodium.h>

#include <map>
#include <thread>

#include "base/hex.h"
#include "db/connection.h"
#include "sql/queries.h"

namespace ledgerline::db {
namespace {

// For one migration: building an index on a large table takes time.
constexpr milliseconds kMigrationTimeout{6 * 3600 * 1000};
constexpr milliseconds kLockTryInterval{50};

using Applied = sql::DbMigrationsApplied::Row;

std::string checksum_of(std::string_view text) {
    unsigned char hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
    return hex_of(hash);
}

Result<std::map<int, Applied>> load_applied(Connection& connection) {
    std::map<int, Applied> applied;
    LEDGERLINE_TRY(const auto table, connection.query_row(sql::DbMigrationsTableExists{}));
    if (!table.found) return applied;
    LEDGERLINE_TRY(auto rows, connection.query(sql::DbMigrationsApplied{}));
    for (Applied& row : rows) applied[row.level] = std::move(row);
    return applied;
}

// name: what an error calls the script.
template <class Then>
Result<void> run_in_transaction(Connection& connection, std::string_view name, std::string_view script, Then then) {
    LEDGERLINE_CHECK(connection.run_script(std::string(sql::DbMigrationsBegin::statement.sql)));
    auto done = connection.run_script(std::string(script), kMigrationTimeout);
    if (done) done = then();
    if (done) done = connection.run_script(std::string(sql::DbMigrationsCommit::statement.sql), kMigrationTimeout);
    if (!done) {
        connection.rollback();
        done.error().message = fmt::format("{}: {}", name, done.error().message);
    }
    return done;
}

Result<void> apply(Connection& connection, const Migration& migration) {
    return run_in_transaction(
        connection, fmt::format("migration {}", migration.name), migration.sql, [&]() -> Result<void> {
            LEDGERLINE_CHECK(connection.execute(sql::DbMigrationsRecord{.level = migration.level,
                                                                        .name = migration.name,
                                                                        .checksum = checksum_of(migration.sql),
                                                                        .compatible_from = migration.compatible_from}));
            return {};
        });
}

// A text that had to be changed, since newer servers do not take it, names the earlier one, which did the same.
bool is_known_text(const Migration& migration, const std::string& checksum) {
    return checksum == checksum_of(migration.sql) ||
           migration.sql.contains(fmt::format("-- earlier-text: {}\n", checksum));
}

Result<void> check_unchanged(const std::map<int, Applied>& applied, std::span<const Migration> migrations) {
    for (const Migration& migration : migrations) {
        const auto found = applied.find(migration.level);
        if (found == applied.end() || is_known_text(migration, found->second.checksum)) continue;
        return failure(Disposition::stop, "migration_changed",
                       fmt::format("migration {} was applied with a different text from this binary's: the database "
                                   "belongs to another build",
                                   migration.name));
    }
    return {};
}

Result<std::vector<int>> apply_missing(Connection& connection, std::span<const Migration> migrations,
                                       std::string_view rights) {
    LEDGERLINE_CHECK(connection.execute(sql::DbMigrationsCreateTable{}));
    LEDGERLINE_TRY(const auto applied, load_applied(connection));
    LEDGERLINE_CHECK(check_unchanged(applied, migrations));
    std::vector<int> levels;
    for (const Migration& migration : migrations) {
        if (applied.contains(migration.level)) continue;
        LEDGERLINE_CHECK(apply(connection, migration));
        levels.push_back(migration.level);
    }
    const bool newer = !applied.empty() && applied.rbegin()->first > migrations.back().level;
    if (newer || rights.empty()) return levels;
    LEDGERLINE_TRY(const auto owner, connection.query_row(sql::DbMigrationsMayGiveRights{}));
    if (owner.may)
        LEDGERLINE_CHECK(run_in_transaction(connection, "the rights of roles", rights, [] { return Result<void>(); }));
    return levels;
}

// Retries instead of waiting in the server, where lock_timeout and statement_timeout would end the wait.
Result<void> lock(Connection& connection, milliseconds at_most) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (true) {
        LEDGERLINE_TRY(const auto tried, connection.query_row(sql::DbMigrationsTryLock{}));
        if (tried.locked) return {};
        if (std::chrono::steady_clock::now() >= deadline)
            return failure(Disposition::retry, "migration_running",
                           "another process is migrating this database: try again when it is done");
        std::this_thread::sleep_for(kLockTryInterval);
    }
}

}  // namespace

Result<std::vector<int>> migrate_up(Connection& connection, std::span<const Migration> migrations,
                                    std::string_view rights, milliseconds lock_timeout) {
    LEDGERLINE_CHECK(lock(connection, lock_timeout));
    auto levels = apply_missing(connection, migrations, rights);
    // A session that is no longer usable has also lost its advisory lock.
    if (connection.usable()) LEDGERLINE_CHECK(connection.execute(sql::DbMigrationsUnlock{}));
    return levels;
}

Result<std::vector<MigrationStatus>> migration_status(Connection& connection, std::span<const Migration> migrations) {
    LEDGERLINE_TRY(auto applied, load_applied(connection));
    std::vector<MigrationStatus> statuses;
    for (const Migration& migration : migrations) {
        const auto found = applied.find(migration.level);
        const bool is_applied = found != applied.end();
        statuses.push_back({migration.level, std::string(migration.name), is_applied,
                            is_applied ? found->second.applied_at : "", true});
        if (is_applied) applied.erase(found);
    }
    for (const auto& [level, newer] : applied) statuses.push_back({level, newer.name, true, newer.applied_at, false});
    return statuses;
}

Result<void> check_schema(Connection& connection, std::span<const Migration> migrations) {
    LEDGERLINE_TRY(const auto applied, load_applied(connection));
    const int own_level = migrations.back().level;
    const int schema_level = applied.empty() ? 0 : applied.rbegin()->first;
    if (schema_level < own_level)
        return failure(
            Disposition::stop, "schema_too_old",
            fmt::format("the database is at schema level {}, this binary needs {}: run 'ledgerline migrate up'",
                        schema_level, own_level));
    if (applied.rbegin()->second.compatible_from > own_level)
        return failure(
            Disposition::stop, "schema_too_new",
            fmt::format("the database is at schema level {}, which works with binaries of level {} and newer; "
                        "this one has {}: upgrade it",
                        schema_level, applied.rbegin()->second.compatible_from, own_level));
    return {};
}

}  // namespace ledgerline::db
