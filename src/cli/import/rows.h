// The rows of an import file, and the rules that each must meet on its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/import/csv.h"

namespace ledgerline::cli {

struct ImportRow {
    std::uint64_t line = 0;
    std::string reference;  // becomes the idempotency key
    std::string account;    // the account's reference
    std::string type;       // "CREDIT" or "DEBIT"
    std::int64_t amount_cents = 0;
    std::string currency;
    std::vector<std::pair<std::string, std::string>> metadata;  // the other columns, without empty ones
};

// The rule that a row breaks, and where.
struct BadRow {
    std::uint64_t line = 0;
    std::string column;  // empty when no single one is at fault
    std::string rule;
};

// Reads records by the names in the header.
class RowReader {
public:
    // Error bad_header: a required column is missing, or a name is empty, not valid UTF-8, or repeated.
    static Result<RowReader> of_header(const CsvRecord& header);

    // Fills row, or returns what is wrong with the record.
    std::optional<BadRow> read(const CsvRecord& record, ImportRow& row) const;

private:
    // The columns of ImportRow's members, in order.
    enum Required { reference, account, type, amount_cents, currency, required_count };

    std::optional<BadRow> check_texts(const CsvRecord& record) const;
    std::optional<BadRow> read_money(const CsvRecord& record, ImportRow& row) const;

    std::vector<std::string> names_;
    std::size_t at_[required_count] = {};  // the position of each required column
    std::vector<std::size_t> others_;
};

}  // namespace ledgerline::cli
