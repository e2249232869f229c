#include <memory>

#include "cli/commands.h"
#include "cli/field_options.h"
#include "cli/output.h"
#include "cli/sample.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {

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

}  // namespace ledgerline::cli
