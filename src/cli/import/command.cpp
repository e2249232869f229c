#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "base/amount_text.h"
#include "cli/cli.h"
#include "cli/import/check.h"
#include "cli/import/file.h"
#include "cli/import/run.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"
#include "roles/signals.h"

namespace ledgerline::cli {
namespace {

constexpr std::size_t kBadRowsShown = 20;
constexpr std::int64_t kConnectionsMax = 64;
constexpr std::int64_t kBatchRowsMax = 1000;  // of the API

struct Options {
    std::string file;
    ImportSettings settings;
    OutputOptions output;
    RejectsOptions rejects;
};

void list_bad_rows(const roles::Environment& environment, const std::string& file, const FileCheck& check) {
    const std::size_t shown = std::min(check.bad_rows.size(), kBadRowsShown);
    for (std::size_t i = 0; i < shown; ++i) {
        const BadRow& bad = check.bad_rows[i];
        say(environment, fmt::format("{}:{}: {}{}", file, bad.line,
                                     bad.column.empty() ? "" : fmt::format("column '{}' ", bad.column), bad.rule));
    }
    if (check.bad_lines.size() > shown)
        say(environment, fmt::format("... and {} more bad rows", check.bad_lines.size() - shown));
}

json::Value json_of(const std::map<std::string, std::int64_t>& counts) {
    json::Object object;
    for (const auto& [code, count] : counts) object.emplace_back(code, count);
    return object;
}

std::int64_t sum_of(const std::map<std::string, std::int64_t>& counts) {
    std::int64_t sum = 0;
    for (const auto& [code, count] : counts) sum += count;
    return sum;
}

double rate_of(const ImportOutcome& outcome) {
    return outcome.seconds > 0 ? static_cast<double>(outcome.counts.settled()) / outcome.seconds : 0;
}

void print_json(const roles::Environment& environment, const OutputOptions& output, const FileCheck& check,
                const ImportOutcome& outcome) {
    const ImportCounts& counts = outcome.counts;
    const auto good_rows = static_cast<std::int64_t>(check.good_rows);
    print_object(environment, output,
                 json::Object{{"complete", counts.settled() == good_rows},
                              {"rows", good_rows},
                              {"rejected", static_cast<std::int64_t>(check.bad_lines.size())},
                              {"processed", counts.processed},
                              {"refused", sum_of(counts.refused)},
                              {"refused_by_reason", json_of(counts.refused)},
                              {"refused_at_intake", sum_of(counts.refused_at_intake)},
                              {"refused_at_intake_by_reason", json_of(counts.refused_at_intake)},
                              {"dead_lettered", counts.dead_lettered},
                              {"replayed", counts.replayed},
                              {"seconds", json::Number{fmt::format("{:.3f}", outcome.seconds)}},
                              {"rows_per_second", json::Number{fmt::format("{:.0f}", rate_of(outcome))}}});
}

void print_table(const roles::Environment& environment, const FileCheck& check, const ImportOutcome& outcome) {
    const ImportCounts& counts = outcome.counts;
    Table table({{"result"}, {"rows", Align::right}});
    table.add({"processed", grouped(counts.processed)});
    for (const auto& [code, count] : counts.refused) table.add({"refused: " + code, grouped(count)});
    for (const auto& [code, count] : counts.refused_at_intake)
        table.add({"refused at intake: " + code, grouped(count)});
    table.add({"dead-lettered", grouped(counts.dead_lettered)});
    if (!check.bad_lines.empty()) table.add({"rejected", grouped(static_cast<std::int64_t>(check.bad_lines.size()))});
    table.print(environment.out);
    environment.out << fmt::format("{} of {} rows settled in {:.1f} s ({}/s), {} of them replayed\n",
                                   grouped(counts.settled()), grouped(static_cast<std::int64_t>(check.good_rows)),
                                   outcome.seconds, grouped(static_cast<std::int64_t>(rate_of(outcome))),
                                   grouped(counts.replayed));
}

int finish(const roles::Environment& environment, const Options& options, const FileCheck& check,
           const ImportOutcome& outcome) {
    if (options.output.documents())
        print_json(environment, options.output, check, outcome);
    else
        print_table(environment, check, outcome);
    for (const IntakeRefusal& refusal : outcome.counts.intake_refusals)
        say(environment,
            fmt::format("{}:{}: refused: {} ({})", options.file, refusal.line, refusal.detail, refusal.code));

    const std::string advice = "Run the same command again to continue: nothing is posted twice.";
    if (outcome.error) {
        const int code = report(environment, *outcome.error);
        say(environment, advice);
        return code;
    }
    if (outcome.interrupted && outcome.counts.settled() < static_cast<std::int64_t>(check.good_rows)) {
        say(environment, "Interrupted. " + advice);
        return roles::exit_interrupted;
    }
    const bool clean = outcome.counts.dead_lettered == 0 && outcome.counts.refused_at_intake.empty();
    return clean ? roles::exit_ok : roles::exit_refused;
}

ImportOutcome send(const roles::Environment& environment, const Options& options, const FileCheck& check,
                   ImportFile& file, const FindAsset& find) {
    roles::Interrupts interrupts;
    Progress progress(environment, "importing", "rows", static_cast<std::int64_t>(check.good_rows));
    bool seen = false;
    ImportSettings settings = options.settings;
    settings.find_asset = find;
    settings.wait_interrupt = [&](milliseconds at_most) {
        const bool came = interrupts.wait(at_most);
        if (came && std::exchange(seen, true)) _exit(roles::exit_interrupted);
        return came;
    };
    settings.on_interrupt = [&] {
        progress.clear();
        say(environment, "Stopping once the batches under way are settled (interrupt again to exit at once).");
    };
    settings.on_progress = [&](std::int64_t settled) { progress.update(settled); };
    ImportOutcome outcome = run_import(environment, settings, check, file.begin());
    if (outcome.error)
        if (const auto defect = file.defect())
            outcome.error = {Disposition::refuse, "file_changed",
                             fmt::format("cannot read {}: {}", options.file, *defect)};
    return outcome;
}

Result<FileCheck> check_rows(const Options& options, ImportFile& file, const FindAsset& find) {
    auto checked = check_file(file.begin(), find);
    if (checked) return checked;
    const std::string reason = file.defect().value_or(checked.error().message);
    return failure(Disposition::refuse, std::string(roles::bad_usage), fmt::format("{}: {}", options.file, reason));
}

// Deals with the bad rows before the import: returns an exit code if it cannot go ahead, otherwise empty.
Result<std::optional<int>> set_bad_rows_aside(const roles::Environment& environment, const Options& options,
                                              const FileCheck& check, ImportFile& file, const std::string& rejects) {
    list_bad_rows(environment, options.file, check);
    if (!options.rejects.skip_invalid) {
        say(environment, "Nothing was sent. --skip-invalid imports the other rows.");
        return roles::exit_usage;
    }
    roles::Interrupts interrupts;
    bool interrupted = false;
    const auto written = write_rejects(file, check, rejects, options.rejects.overwrite,
                                       [&] { return interrupted = interrupted || interrupts.wait(milliseconds(0)); });
    if (interrupted) {
        say(environment, "Interrupted. Nothing was sent.");
        return roles::exit_interrupted;
    }
    if (!written) return std::unexpected(written.error());
    say(environment, fmt::format("The rejected rows are in {}.", rejects));
    return std::nullopt;
}

Result<int> import_file(const roles::Environment& environment, const Options& options) {
    LEDGERLINE_TRY(Server server, Server::open(options.settings.server));
    LEDGERLINE_TRY(ImportFile file, ImportFile::open(options.file));
    LEDGERLINE_TRY(const std::string rejects, rejects_path(options.rejects, options.file, file));
    std::optional<Error> trouble;  // of the server that was asked about a currency
    const FindAsset find = [&](std::string_view code) -> const Asset* {
        const auto asset = server.asset(code);
        if (!asset) trouble = asset.error();
        return asset ? *asset : nullptr;
    };
    LEDGERLINE_TRY(const FileCheck checked, check_rows(options, file, find));
    if (trouble) return std::unexpected(*trouble);
    if (!checked.bad_lines.empty()) {
        LEDGERLINE_TRY(const std::optional<int> code, set_bad_rows_aside(environment, options, checked, file, rejects));
        if (code) return *code;
    }
    const ImportOutcome outcome = send(environment, options, checked, file, find);
    return finish(environment, options, checked, outcome);
}

constexpr const char* kNotes =
    "The first line names the columns, in any order: reference (becomes the idempotency key), amount_cents (minor "
    "units)\n"
    "or amount (such as 12.50), currency, and either account (the account's reference) and type (CREDIT or DEBIT), or\n"
    "from and to: accounts by reference or id, and external for the outside world. occurred_at, if there, is kept as "
    "the\n"
    "date of each (a time as in RFC 3339, or a day) and orders nothing. Other columns go into the transaction's\n"
    "metadata, empty ones are left out. Missing accounts are created in the currency of their first\n"
    "row, unless they are named by their ids.\n\n"
    "FILE may be a pipe, and - is stdin: their data is first copied to TMPDIR. The whole file is checked "
    "before\n"
    "the first row is sent. Each account's rows are applied in the order of the "
    "file;\n"
    "accounts that transfers join, directly or over others, share a connection.\n"
    "Running an import again, after an interrupt or not, changes nothing twice and gives the same numbers; "
    "'replayed'\n"
    "counts rows that the server already had. A server that is away or busy is retried.\n\n"
    "Examples:\n"
    "  ledgerline import payments.csv\n"
    "  ledgerline import payments.csv --skip-invalid --rejects bad.csv -o json\n"
    "  printf 'reference,from,to,amount,currency\\nr1,alice,bob,12.50,EUR\\n' | ledgerline import -\n"
    "  zcat payments.csv.gz | ledgerline import -\n\n"
    "Exit codes: 0 when every row is settled (a refusal by the rules of the ledger is a result); 1 when rows were "
    "refused\n"
    "at intake or dead-lettered; 2 when the file has bad rows and nothing was sent; 3 when it gave up; 130 "
    "interrupted.";

}  // namespace

void declare_import(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("import", "Send the rows of a CSV file and wait until every one is settled");
    auto options = std::make_shared<Options>();
    command.positional("FILE", "The CSV file; - for stdin", options->file);
    declare_server_options(command, options->settings.server);
    declare_output_option(command, options->output);
    command.option({"--connections", "N", "Parallel connections to the server"}, options->settings.connections, 1,
                   kConnectionsMax);
    command.option({"--batch", "ROWS", "Maximum number of rows per request"}, options->settings.batch_rows, 1,
                   kBatchRowsMax);
    command.option({"--give-up", "TIME", "Give up after this long without progress"}, options->settings.give_up,
                   milliseconds(0), milliseconds(std::chrono::hours(24)));
    command.flag({"--skip-invalid", "", "Import the good rows and write the bad ones to a file", no_variable},
                 options->rejects.skip_invalid);
    command.option(
        {"--rejects", "FILE", "Where --skip-invalid writes the bad rows (default: FILE.rejected.csv)", no_variable},
        options->rejects.path);
    command.flag(
        {overwrite_rejects_flag, "", "Replace an existing file of bad rows with different content", no_variable},
        options->rejects.overwrite);
    command.notes(kNotes);
    command.action([&environment, options] {
        const auto code = import_file(environment, *options);
        return code ? *code : report(environment, code.error());
    });
}

}  // namespace ledgerline::cli
