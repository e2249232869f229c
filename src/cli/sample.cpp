#include "cli/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kFirstReference = 100'000;
constexpr std::int64_t kReferenceGapMax = 200;
constexpr std::int64_t kDays = 365;
// The last account opens when this share of the file has passed.
constexpr std::int64_t kOpeningPercent = 60;
constexpr std::int64_t kUncoveredPerMyriad = 5;
constexpr std::int64_t kDebitPercent = 42;
constexpr std::int64_t kFeeCents = 1460;

}  // namespace

std::string csv_line(const SampleRow& row, const std::string& currency) {
    return fmt::format("{},{},{},{},{},{}\n", row.reference, row.account, row.date, row.debit ? "DEBIT" : "CREDIT",
                       row.amount_cents, currency);
}

Sample::Sample(const SampleSettings& settings)
    : settings_(settings), random_(static_cast<std::uint64_t>(settings.seed)), reference_(kFirstReference) {}

std::int64_t Sample::between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most - least + 1)));
}

std::optional<SampleRow> Sample::next() {
    if (rows_ == settings_.transactions) return std::nullopt;
    SampleRow row;
    row.reference = std::to_string(reference_ += between(1, kReferenceGapMax));
    row.date = date();
    const auto opened = static_cast<std::int64_t>(balances_.size());
    if (opening_is_due()) {
        row.account = std::to_string(opened + 1);
        row.amount_cents = 10'000 * between(1, 13);
        balances_.push_back(row.amount_cents);
    } else {
        const auto account = static_cast<std::size_t>(between(0, opened - 1));
        std::int64_t& balance_cents = balances_[account];
        row.account = std::to_string(account + 1);
        row.debit = balance_cents > 2 * kFeeCents && between(1, 100) <= kDebitPercent;
        row.amount_cents = row.debit ? debit_cents(balance_cents) : credit_cents();
        if (!row.debit)
            balance_cents += row.amount_cents;
        else if (row.amount_cents <= balance_cents)
            balance_cents -= row.amount_cents;
    }
    ++rows_;
    return row;
}

// The number of open accounts grows with the share of the file that has passed, and at least one is open.
bool Sample::opening_is_due() const {
    const auto opened = static_cast<std::int64_t>(balances_.size());
    if (opened == settings_.accounts) return false;
    const std::int64_t opening_rows = std::max(settings_.accounts, settings_.transactions * kOpeningPercent / 100);
    return opened == 0 || opened * opening_rows <= rows_ * settings_.accounts;
}

std::int64_t Sample::debit_cents(std::int64_t balance_cents) {
    if (between(1, 10'000) <= kUncoveredPerMyriad * 100 / kDebitPercent) return balance_cents + 10 * between(1, 50'000);
    const std::int64_t kind = between(1, 100);
    if (kind <= 40) return kFeeCents;
    if (kind <= 60) return balance_cents - between(0, std::min<std::int64_t>(balance_cents - 1, 1000));
    return std::max<std::int64_t>(100, balance_cents * between(10, 60) / 100);
}

std::int64_t Sample::credit_cents() {
    if (between(1, 100) <= 45) return 10 * between(8, 3800);  // interest
    return 10'000 * between(1, 60);
}

std::string Sample::date() const {
    using namespace std::chrono;
    const std::int64_t passed = settings_.transactions > 0 ? rows_ * kDays / settings_.transactions : 0;
    const year_month_day day = sys_days(1993y / January / 1) + days(passed);
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                       static_cast<unsigned>(day.day()));
}

}  // namespace ledgerline::cli
