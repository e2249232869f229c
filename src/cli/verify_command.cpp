#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "audit/verify.h"
#include "base/amount_text.h"
#include "base/money.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/database.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "db/migrations.h"
#include "roles/exit_code.h"
#include "sql/migrations.h"

namespace ledgerline::cli {
namespace {

struct Options {
    DatabaseOptions database;
    OutputOptions output;
    std::int64_t listed = 20;
    std::int64_t stretch = 10'000;
    std::int64_t sessions = 2;
    milliseconds statement_timeout{300'000};
};

json::Value json_of(const audit::Violation& violation) {
    json::Object object;
    if (violation.lane >= 0) object.emplace_back("lane", violation.lane);
    if (violation.seq > 0) object.emplace_back("seq", violation.seq);
    if (!violation.id.empty()) object.emplace_back("id", violation.id);
    object.emplace_back("detail", violation.detail);
    return object;
}

json::Value json_of(const audit::VerifyReport& report, double seconds) {
    json::Array checks;
    for (std::size_t i = 0; i < audit::check_count; ++i) {
        const auto check = static_cast<audit::Check>(i);
        const audit::VerifyReport::Finding& finding = report.finding(check);
        json::Array listed;
        for (const audit::Violation& violation : finding.listed) listed.push_back(json_of(violation));
        checks.push_back(json::Object{{"name", audit::name_of(check)},
                                      {"claim", audit::claim_of(check)},
                                      {"ok", finding.violated == 0},
                                      {"examined", finding.examined},
                                      {"unit", audit::unit_of(check)},
                                      {"violations", finding.violated},
                                      {"listed", std::move(listed)}});
    }
    return json::Object{
        {"ok", report.ok()}, {"checks", std::move(checks)}, {"seconds", json::Number{fmt::format("{:.3f}", seconds)}}};
}

// What the minor units in a detail are to people; "" when it speaks of none.
std::string scale_of(audit::Check check, const audit::Violation& violation) {
    using enum audit::Check;
    const Asset* asset = find_asset(violation.currency);
    const bool of_amounts =
        (check == entries || check == floor || check == refusals) && std::ranges::any_of(violation.detail, is_digit);
    if (!of_amounts || !asset || !asset->exponent) return "";
    return fmt::format(" (in minor units: 1000 is {})", amount_text(1000, asset->exponent, asset->code));
}

std::string line_of(audit::Check check, const audit::Violation& violation) {
    std::string line = "        ";
    if (violation.lane >= 0) line += fmt::format("lane {} ", violation.lane);
    if (violation.seq > 0) line += fmt::format("seq {} ", violation.seq);
    if (!violation.id.empty()) line += violation.id + " ";
    line.back() = ':';
    return line + ' ' + violation.detail + scale_of(check, violation);
}

void print_text(const roles::Environment& environment, const audit::VerifyReport& report, double seconds) {
    for (std::size_t i = 0; i < audit::check_count; ++i) {
        const auto check = static_cast<audit::Check>(i);
        const audit::VerifyReport::Finding& finding = report.finding(check);
        const std::string count = fmt::format("{} {}", grouped(finding.examined), audit::unit_of(check));
        environment.out << fmt::format("{:<6}  {:<70} {:>22}\n", finding.violated == 0 ? "ok" : "FAILED",
                                       audit::claim_of(check), count);
        for (const audit::Violation& violation : finding.listed)
            environment.out << printable(line_of(check, violation)) << '\n';
        const auto listed = static_cast<std::int64_t>(finding.listed.size());
        if (finding.violated > listed)
            environment.out << fmt::format("        ... and {} more\n", grouped(finding.violated - listed));
    }
    const char* verdict = report.ok()        ? "Everything holds"
                          : report.damaged() ? "The ledger is damaged"
                                             : "The ledger is intact, but a lane is not moving";
    environment.out << fmt::format("{} in {:.1f} s\n", verdict, seconds);
}

Result<int> run(const roles::Environment& environment, const Options& options) {
    std::vector<db::Connection> connections;
    for (std::int64_t i = 0; i < options.sessions; ++i) {
        LEDGERLINE_TRY(auto connection, connect(options.database, options.statement_timeout));
        connections.push_back(std::move(connection));
    }
    LEDGERLINE_CHECK(db::check_schema(connections.front(), sql::migrations));
    const SteadyTime begun_at = environment.clock.steady_now();
    std::unique_ptr<Progress> progress;
    audit::VerifySettings settings;
    settings.stretch_seqs = options.stretch;
    settings.listed_max = static_cast<std::size_t>(options.listed);
    settings.on_progress = [&](std::int64_t done, std::int64_t total) {
        if (!progress) progress = std::make_unique<Progress>(environment, "verifying", "events", total);
        progress->update(done);
    };
    const auto report = audit::verify(connections, settings);
    progress.reset();
    if (!report) return std::unexpected(report.error());

    const double seconds = std::chrono::duration<double>(environment.clock.steady_now() - begun_at).count();
    if (options.output.documents())
        print_object(environment, options.output, json_of(*report, seconds));
    else
        print_text(environment, *report, seconds);
    return report->ok() ? roles::exit_ok : roles::exit_refused;
}

}  // namespace

void declare_verify(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("verify", "Recompute every balance from the entries and report what holds");
    auto options = std::make_shared<Options>();
    declare_database_options(command, options->database);
    declare_output_option(command, options->output);
    command.option({"--list", "N", "List at most this many violations of each kind; all are counted"}, options->listed,
                   0, 100'000);
    command.option({"--stretch", "SEQS", "How much of a lane to read at once"}, options->stretch, 1, 1'000'000);
    command.option({"--sessions", "N", "How many lanes to read side by side, each in a database session of its own"},
                   options->sessions, 1, 16);
    command.option({"--statement-timeout", "TIME", "How long one statement may take, which reads one stretch"},
                   options->statement_timeout, milliseconds(1'000), std::chrono::hours(24));
    command.notes(
        "It only reads, and may run while the system is running: each statement is short, and it checks only rows "
        "that\n"
        "never change.\n\n"
        "Examples:\n"
        "  ledgerline verify --database-url postgresql://ledgerline@db/ledgerline\n"
        "  ledgerline verify --data-dir ./data -o json\n\n"
        "Exit code 1 if a check fails.");
    command.action([&environment, options] {
        const auto code = run(environment, *options);
        return code ? *code : report(environment, code.error());
    });
}

}  // namespace ledgerline::cli
