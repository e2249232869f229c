#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/cli.h"
#include "cli/database.h"
#include "cli/output.h"
#include "db/migrations.h"
#include "roles/exit_code.h"
#include "sql/migrations.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kLockWaitMax{600'000};  // for another migration in progress

struct Options {
    DatabaseOptions database;
    OutputOptions output;
};

Result<int> up(const roles::Environment& environment, const Options& options) {
    LEDGERLINE_TRY(db::Connection connection, connect(options.database, kLockWaitMax));
    LEDGERLINE_TRY(const std::vector<int> applied, db::migrate_up(connection, sql::migrations, sql::database_roles));
    if (options.output.documents()) {
        json::Array levels;
        for (const int level : applied) levels.emplace_back(level);
        print_object(environment, options.output,
                     json::Object{{"applied", std::move(levels)}, {"level", std::rbegin(sql::migrations)->level}});
        return roles::exit_ok;
    }
    for (const int level : applied) environment.out << fmt::format("applied migration {}\n", level);
    environment.out << fmt::format("the schema is at level {}\n", std::rbegin(sql::migrations)->level);
    return roles::exit_ok;
}

const Field kStatusFields[] = {
    {"level", "level", Align::right}, {"name", "name"}, {"state", "state"}, {"applied_at", "applied_at"}};

Result<int> status(const roles::Environment& environment, const Options& options) {
    LEDGERLINE_TRY(db::Connection connection, connect(options.database, kLockWaitMax));
    LEDGERLINE_TRY(const auto statuses, db::migration_status(connection, sql::migrations));
    std::vector<json::Value> rows;
    for (const db::MigrationStatus& migration : statuses) {
        const char* state = !migration.known ? "applied by a newer binary" : migration.applied ? "applied" : "missing";
        rows.push_back(
            json::Object{{"level", migration.level},
                         {"name", migration.name},
                         {"state", state},
                         {"applied_at", migration.applied ? json::Value(migration.applied_at) : json::Value()}});
    }
    print_list(environment, options.output, kStatusFields, rows, "migrations");
    const bool complete = std::ranges::all_of(statuses, &db::MigrationStatus::applied);
    return complete ? roles::exit_ok : roles::exit_refused;
}

using Work = Result<int> (*)(const roles::Environment&, const Options&);

Command declare(Command& family, const roles::Environment& environment, const char* name, const char* description,
                Work work) {
    Command command = family.add(name, description);
    auto options = std::make_shared<Options>();
    declare_database_options(command, options->database);
    declare_output_option(command, options->output);
    command.action([&environment, options, work] {
        const auto code = work(environment, *options);
        return code ? *code : report(environment, code.error());
    });
    return command;
}

}  // namespace

void declare_migrate(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("migrate", "Bring the database's schema up to date, or show its state");
    declare(family, environment, "up", "Apply the missing migrations", up)
        .notes(
            "Safe to run from several places at once: a lock lets one run at a time.\n\n"
            "Example:\n  ledgerline migrate up --database-url postgresql://ledgerline@db/ledgerline");
    declare(family, environment, "status", "List the migrations and which of them are applied", status)
        .notes("Exit code 1 if any is missing.");
}

}  // namespace ledgerline::cli
