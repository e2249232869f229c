// The rows of an import file, and the rules that each must meet on its own.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "cli/import/csv.h"

namespace ledgerline::cli {

// A credit or debit of one account, or a transfer between two.
struct ImportRow {
    std::uint64_t line = 0;
    std::string reference;  // becomes the idempotency key
    std::string type;       // "CREDIT" or "DEBIT"; "" for a transfer
    std::string account;    // the account's reference
    std::string from, to;   // of a transfer: an account's reference or id; "" is the outside world
    std::int64_t amount_cents = 0;
    std::string currency;
    std::string occurred_at;                                    // in RFC 3339's form; "" when the file does not say
    std::vector<std::pair<std::string, std::string>> metadata;  // the other columns, without empty ones

    bool is_transfer() const { return type.empty(); }
    // Whom it touches, as named: the account whose key it is, and the other one or null.
    std::pair<const std::string*, const std::string*> accounts() const;
};

// The rule that a row breaks, and where.
struct BadRow {
    std::uint64_t line = 0;
    std::string column;  // empty when no single one is at fault
    std::string rule;
};

// The asset with that code; null when there is none.
using FindAsset = std::function<const Asset*(std::string_view code)>;

// Reads records by the names in the header.
class RowReader {
public:
    // Error bad_header: a required column is missing, or a name is empty, not valid UTF-8, or repeated.
    static Result<RowReader> of_header(const CsvRecord& header, FindAsset find);
    // Whether the rows are transfers.
    bool reads_transfers() const { return at_[from].has_value(); }

    // Fills row, or returns what is wrong with the record.
    std::optional<BadRow> read(const CsvRecord& record, ImportRow& row) const;

private:
    // The columns that are not metadata, in the order of the names in the source file.
    enum Column { reference, account, type, from, to, amount_cents, amount, currency, occurred_at, column_count };

    // Which of the columns the file's rows are made of.
    static std::vector<Column> columns_of(const std::vector<std::string>& names);
    const std::string& field(const CsvRecord& record, Column column) const { return record.fields[*at_[column]]; }
    std::optional<BadRow> check_texts(const CsvRecord& record) const;
    std::optional<BadRow> read_sides(const CsvRecord& record, ImportRow& row) const;
    std::optional<BadRow> read_money(const CsvRecord& record, ImportRow& row) const;
    std::optional<BadRow> read_time(const CsvRecord& record, ImportRow& row) const;
    // The amount in minor units, or the rule that it breaks.
    std::expected<std::int64_t, std::string> read_amount(const std::string& text, const Asset& asset) const;

    std::vector<std::string> names_;
    std::optional<std::size_t> at_[column_count] = {};  // the position of each column that is read
    std::vector<std::size_t> others_;
    FindAsset find_;
};

}  // namespace ledgerline::cli
