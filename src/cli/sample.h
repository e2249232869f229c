// Sample: a seeded generator of bank-like import files. The same settings give the same rows.
//
// The rows have what makes real files hard: many accounts, interleaved; each begins with a credit; debits that nearly
// empty an account, so that any change of order within an account changes the outcome; and a few debits, about one row
// in two thousand, that exceed the balance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"

namespace ledgerline::cli {

struct SampleSettings {
    std::int64_t seed = 1;
    std::int64_t accounts = 1000;
    std::int64_t transactions = 20'000;
    std::string currency = "CZK";
};

struct SampleRow {
    std::string reference;
    std::string account;
    std::string date;
    bool debit = false;
    std::int64_t amount_cents = 0;
};

inline constexpr const char* sample_header = "reference,account,date,type,amount_cents,currency";
std::string csv_line(const SampleRow& row, const std::string& currency);

// Not thread-safe.
class Sample {
public:
    explicit Sample(const SampleSettings& settings);
    // The next row; empty after the last.
    std::optional<SampleRow> next();

private:
    std::int64_t between(std::int64_t least, std::int64_t most);  // uniform
    bool opening_is_due() const;
    std::int64_t debit_cents(std::int64_t balance_cents);
    std::int64_t credit_cents();
    std::string date() const;

    const SampleSettings settings_;
    SeededRandom random_;
    std::vector<std::int64_t> balances_;  // of the accounts open so far
    std::int64_t rows_ = 0;
    std::int64_t reference_ = 0;
};

}  // namespace ledgerline::cli
