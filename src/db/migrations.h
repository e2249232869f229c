// Schema migrations: numbered SQL files embedded in the binary (sql/migrations).
//
// Each applied migration is recorded with its text's checksum and the oldest schema level whose binaries still work
// with it, so that roles can be upgraded one by one: a binary refuses a database only when the newest migration there
// says that the binary's own level is too old.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::db {

class Connection;

struct Migration {
    int level;              // 1, 2, 3, ... without gaps
    std::string_view name;  // "0001_ledger"
    int compatible_from;    // the oldest level whose binaries still work once this is applied
    std::string_view sql;
};

struct MigrationStatus {
    int level;
    std::string name;
    bool applied;
    std::string applied_at;  // empty when not applied
    bool known;              // false: applied by a newer binary
};

// Applies the missing migrations, each in its own transaction, under an advisory lock. Returns the levels applied.
// Then runs the script of rights, also when nothing was missing: not where a newer binary has migrated, whose tables it
// does not know, nor for a user who does not own the schema.
// Refuses (code "migration_changed", Disposition::stop), before it changes anything, when an applied migration has a
// different text from this binary's. Waits for another migrator at most lock_timeout ("migration_running",
// Disposition::retry). A migration itself may take hours, whatever the connection's timeouts are.
Result<std::vector<int>> migrate_up(Connection& connection, std::span<const Migration> migrations,
                                    std::string_view rights, milliseconds lock_timeout = milliseconds(60000));

// All migrations, applied or missing, by level. A database without any is not an error.
Result<std::vector<MigrationStatus>> migration_status(Connection& connection, std::span<const Migration> migrations);

// Whether this binary can work on this database; otherwise "schema_too_old" (run migrate up) or "schema_too_new"
// (upgrade the binary), both Disposition::stop.
Result<void> check_schema(Connection& connection, std::span<const Migration> migrations);

}  // namespace ledgerline::db
