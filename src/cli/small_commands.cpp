// The commands of a few lines: database-url, health, sample and version.
#include <fmt/format.h>

#include <memory>

#include "base/version.h"
#include "cli/cli.h"
#include "cli/database.h"
#include "cli/field_options.h"
#include "cli/listening.h"
#include "cli/output.h"
#include "cli/sample.h"
#include "cli/server.h"
#include "roles/exit_code.h"
#include "sql/migrations.h"

namespace ledgerline::cli {
namespace {

struct HealthOptions {
    ServerOptions server;
    OutputOptions output;
    std::optional<std::int64_t> process;
};

Result<int> health(const roles::Environment& environment, const HealthOptions& options) {
    ServerOptions called = options.server;
    if (options.process) {
        LEDGERLINE_TRY(called.url, url_of_process(*options.process));
    }
    LEDGERLINE_TRY(Server server, Server::open(called));
    LEDGERLINE_TRY(const json::Value answer, server.get("/readyz", "status"));
    print_object(environment, options.output, answer);
    return roles::exit_ok;
}

}  // namespace

void declare_database_url(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("database-url", "Print the URL of the private database of 'ledgerline up', for psql");
    auto data_dir = std::make_shared<std::string>();
    command.option({"--data-dir", "DIR", "The data directory of 'ledgerline up'", "", true}, *data_dir);
    command.notes("Example:\n  psql \"$(ledgerline database-url --data-dir ./data)\"");
    command.action([&environment, data_dir] {
        const auto url = own_database_url(*data_dir);
        if (!url) return report(environment, url.error());
        environment.out << *url << '\n';
        return roles::exit_ok;
    });
}

void declare_health(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("health", "Ask a role whether it is ready, and what is missing if not");
    const auto options = std::make_shared<HealthOptions>();
    declare_server_options(command, options->server);
    command.option({"--of-process", "PID", "The role that runs as this process, wherever it listens", no_variable},
                   options->process, 1, INT32_MAX);
    command.alternatives("--of-process", "--url");
    command.alternatives("--of-process", "--profile");
    declare_output_option(command, options->output);
    command.action([&environment, options] {
        const Result<int> code = health(environment, *options);
        return code ? *code : report(environment, code.error());
    });
    command.notes("Exit code 3 if it is not ready or cannot be reached. Needs no API key.");
}

void declare_sample(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("sample", "Print an import file of made-up, bank-like transactions");
    auto settings = std::make_shared<SampleSettings>();
    command.option({"--seed", "N", "The same seed gives the same file", no_variable}, settings->seed, 0, INT64_MAX);
    command.option({"--accounts", "N", "Number of accounts", no_variable}, settings->accounts, 1, 10'000'000);
    command.option({"--transactions", "N", "Number of rows", no_variable}, settings->transactions, 0, 1'000'000'000);
    declare_currency(command, settings->currency, "ISO 4217 code", false);
    command.notes(
        "About one row in two thousand is a debit that exceeds the balance: it ends as FAILED "
        "insufficient_balance.\n\n"
        "Example:\n  ledgerline sample --accounts 1000 --transactions 20000 > sample.csv && ledgerline import "
        "sample.csv");
    command.action([&environment, settings] {
        Sample sample(*settings);
        environment.out << sample_header << '\n';
        while (const auto row = sample.next()) {
            if (!environment.out) break;
            environment.out << csv_line(*row, settings->currency);
        }
        return roles::exit_ok;
    });
}

void declare_version(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("version", "Print the version");
    auto output = std::make_shared<OutputOptions>();
    declare_output_option(command, *output);
    command.action([&environment, output] {
        const int schema_level = std::rbegin(sql::migrations)->level;
        if (output->documents())
            print_object(environment, *output, json::Object{{"version", version}, {"schema_level", schema_level}});
        else
            environment.out << fmt::format("ledgerline {} (schema level {})\n", version, schema_level);
        return roles::exit_ok;
    });
}

}  // namespace ledgerline::cli
