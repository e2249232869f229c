#include "cli/import/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/amount_text.h"
#include "base/text.h"
#include "base/uuid.h"
#include "cli/command_line.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr std::string_view kNames[] = {"reference",    "account", "type",     "from",       "to",
                                       "amount_cents", "amount",  "currency", "occurred_at"};
constexpr std::string_view kRequired =
    "the first line must name the columns reference, account and type (or from and to), amount_cents (or amount) and "
    "currency";
constexpr std::string_view kOutside = "external";
constexpr std::size_t kNameCodePointsMax = 255;  // of references and keys, as in the API

std::unexpected<Error> bad_header(const std::string& message) {
    return failure(Disposition::refuse, std::string(roles::bad_usage), "line 1: " + message);
}

// U+0000 to U+001F and U+007F to U+009F, in valid UTF-8.
bool has_control_characters(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c == 0x7F) return true;
        if (c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
    }
    return false;
}

const char* broken_name_rule(std::string_view name) {
    if (name.empty()) return "must not be empty";
    if (width_of(name) > kNameCodePointsMax) return "must have at most 255 characters";
    if (has_control_characters(name)) return "must not contain control characters";
    return nullptr;
}

}  // namespace

std::pair<const std::string*, const std::string*> ImportRow::accounts() const {
    if (!is_transfer()) return {&account, nullptr};
    if (from.empty()) return {&to, nullptr};
    return {&from, to.empty() ? nullptr : &to};
}

// A file that has all columns of a payment is one of payments: from, to and amount are then metadata, like any other.
std::vector<RowReader::Column> RowReader::columns_of(const std::vector<std::string>& names) {
    const auto has = [&](Column column) { return std::ranges::find(names, kNames[column]) != names.end(); };
    const bool transfers = !has(account) && !has(type) && (has(from) || has(to));
    const bool decimal = has(amount) && !has(amount_cents);
    return {reference, transfers ? from : account, transfers ? to : type, decimal ? amount : amount_cents, currency};
}

Result<RowReader> RowReader::of_header(const CsvRecord& header, FindAsset find) {
    if (!header.defect.empty()) return bad_header(header.defect);
    RowReader reader;
    reader.find_ = std::move(find);
    reader.names_ = header.fields;
    for (std::size_t i = 0; i < header.fields.size(); ++i) {
        const std::string& name = header.fields[i];
        if (!is_utf8(name)) return bad_header(fmt::format("the name of column {} is not valid UTF-8", i + 1));
        if (const char* rule = broken_name_rule(name))
            return bad_header(fmt::format("the name of column {} {}", i + 1, rule));
        if (std::count(header.fields.begin(), header.fields.end(), name) > 1)
            return bad_header(fmt::format("the column '{}' occurs twice", name));
    }
    for (const Column column : columns_of(header.fields)) {
        const auto found = std::ranges::find(header.fields, kNames[column]);
        if (found == header.fields.end())
            return bad_header(fmt::format("the column '{}' is missing: {}", kNames[column], kRequired));
        reader.at_[column] = static_cast<std::size_t>(found - header.fields.begin());
    }
    const auto dated = std::ranges::find(header.fields, kNames[occurred_at]);
    if (dated != header.fields.end()) reader.at_[occurred_at] = static_cast<std::size_t>(dated - header.fields.begin());
    for (std::size_t i = 0; i < header.fields.size(); ++i)
        if (std::ranges::find(reader.at_, std::optional(i)) == std::end(reader.at_)) reader.others_.push_back(i);
    return reader;
}

std::optional<BadRow> RowReader::read(const CsvRecord& record, ImportRow& row) const {
    if (!record.defect.empty()) return BadRow{record.line, "", record.defect};
    if (record.fields.size() != names_.size())
        return BadRow{record.line, "",
                      fmt::format("must have {} fields like the header, not {}", names_.size(), record.fields.size())};
    if (auto bad = check_texts(record)) return bad;

    row.line = record.line;
    row.reference = field(record, reference);
    if (auto bad = read_sides(record, row)) return bad;
    if (auto bad = read_money(record, row)) return bad;
    if (auto bad = read_time(record, row)) return bad;
    row.metadata.clear();
    for (const std::size_t i : others_)
        if (!record.fields[i].empty()) row.metadata.emplace_back(names_[i], record.fields[i]);
    return std::nullopt;
}

std::optional<BadRow> RowReader::check_texts(const CsvRecord& record) const {
    for (std::size_t i = 0; i < names_.size(); ++i) {
        if (!is_utf8(record.fields[i])) return BadRow{record.line, names_[i], "must be valid UTF-8"};
        if (record.fields[i].find('\0') != std::string::npos)
            return BadRow{record.line, names_[i], "must not contain U+0000"};
    }
    for (const Column column : {reference, account, from, to}) {
        if (!at_[column]) continue;
        if (const char* rule = broken_name_rule(field(record, column)))
            return BadRow{record.line, std::string(kNames[column]), rule};
    }
    return std::nullopt;
}

// An empty side is refused: a value that is missing must not make money.
std::optional<BadRow> RowReader::read_sides(const CsvRecord& record, ImportRow& row) const {
    if (!reads_transfers()) {
        row.account = field(record, account);
        row.type = field(record, type);
        if (row.type == "CREDIT" || row.type == "DEBIT") return std::nullopt;
        return BadRow{record.line, "type", fmt::format("must be CREDIT or DEBIT, not '{}'", row.type)};
    }
    const auto side_of = [&](Column column) -> std::string {
        const std::string& name = field(record, column);
        if (name == kOutside) return "";
        const auto id = Uuid::parse(name);  // one account has one name
        return id ? id->to_string() : name;
    };
    row.from = side_of(from);
    row.to = side_of(to);
    if (row.from != row.to) return std::nullopt;
    return BadRow{record.line, "to",
                  row.to.empty() ? "must be an account, as 'from' is external" : "must not be the account in 'from'"};
}

std::optional<BadRow> RowReader::read_money(const CsvRecord& record, ImportRow& row) const {
    row.currency = field(record, currency);
    const Asset* asset = find_(row.currency);
    if (!asset)
        return BadRow{record.line, "currency",
                      fmt::format("must be the code of an asset, such as EUR, not '{}'", row.currency)};

    const Column column = at_[amount] ? amount : amount_cents;
    const std::string& text = field(record, column);
    const auto cents = read_amount(text, *asset);
    if (!cents)
        return BadRow{record.line, std::string(kNames[column]),
                      fmt::format("must be {}, not '{}'", cents.error(), text)};
    row.amount_cents = *cents;
    return std::nullopt;
}

// A day is its beginning, in UTC.
std::optional<BadRow> RowReader::read_time(const CsvRecord& record, ImportRow& row) const {
    row.occurred_at.clear();
    if (!at_[occurred_at] || field(record, occurred_at).empty()) return std::nullopt;
    const std::string& text = field(record, occurred_at);
    auto time = parse_rfc3339(text);
    if (!time) time = parse_rfc3339(text + "T00:00:00Z");
    if (!time)
        return BadRow{record.line, "occurred_at",
                      fmt::format("must be a time as in RFC 3339 or a day such as 2026-01-31, not '{}'", text)};
    row.occurred_at = format_rfc3339(*time);
    return std::nullopt;
}

std::expected<std::int64_t, std::string> RowReader::read_amount(const std::string& text, const Asset& asset) const {
    if (at_[amount]) {
        if (asset.exponent) return parse_amount(text, *asset.exponent, asset.code);
        return std::unexpected(
            fmt::format("in a column amount_cents, as it is not known how many decimals {} has", asset.code));
    }
    std::int64_t cents = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), cents);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
    if (whole && cents >= 1 && cents <= amount_cents_max) return cents;
    return std::unexpected(fmt::format("a whole number from 1 to {}", amount_cents_max));
}

}  // namespace ledgerline::cli
