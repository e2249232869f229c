#include "cli/import/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/money.h"
#include "base/text.h"
#include "cli/command_line.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr std::string_view kRequired[] = {"reference", "account", "type", "amount_cents", "currency"};
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

Result<RowReader> RowReader::of_header(const CsvRecord& header) {
    if (!header.defect.empty()) return bad_header(header.defect);
    RowReader reader;
    reader.names_ = header.fields;
    for (std::size_t i = 0; i < header.fields.size(); ++i) {
        const std::string& name = header.fields[i];
        if (!is_utf8(name)) return bad_header(fmt::format("the name of column {} is not valid UTF-8", i + 1));
        if (const char* rule = broken_name_rule(name))
            return bad_header(fmt::format("the name of column {} {}", i + 1, rule));
        if (std::count(header.fields.begin(), header.fields.end(), name) > 1)
            return bad_header(fmt::format("the column '{}' occurs twice", name));
        if (std::find(std::begin(kRequired), std::end(kRequired), name) == std::end(kRequired))
            reader.others_.push_back(i);
    }
    for (std::size_t i = 0; i < required_count; ++i) {
        const auto found = std::find(header.fields.begin(), header.fields.end(), kRequired[i]);
        if (found == header.fields.end())
            return bad_header(fmt::format("the column '{}' is missing: the first line must name the columns {}",
                                          kRequired[i], fmt::join(kRequired, ", ")));
        reader.at_[i] = static_cast<std::size_t>(found - header.fields.begin());
    }
    return reader;
}

std::optional<BadRow> RowReader::read(const CsvRecord& record, ImportRow& row) const {
    if (!record.defect.empty()) return BadRow{record.line, "", record.defect};
    if (record.fields.size() != names_.size())
        return BadRow{record.line, "",
                      fmt::format("must have {} fields like the header, not {}", names_.size(), record.fields.size())};
    if (auto bad = check_texts(record)) return bad;

    row.line = record.line;
    row.reference = record.fields[at_[reference]];
    row.account = record.fields[at_[account]];
    if (auto bad = read_money(record, row)) return bad;
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
    for (const Required column : {reference, account})
        if (const char* rule = broken_name_rule(record.fields[at_[column]]))
            return BadRow{record.line, names_[at_[column]], rule};
    return std::nullopt;
}

std::optional<BadRow> RowReader::read_money(const CsvRecord& record, ImportRow& row) const {
    row.type = record.fields[at_[type]];
    if (row.type != "CREDIT" && row.type != "DEBIT")
        return BadRow{record.line, "type", fmt::format("must be CREDIT or DEBIT, not '{}'", row.type)};

    const std::string& amount = record.fields[at_[amount_cents]];
    const auto parsed = std::from_chars(amount.data(), amount.data() + amount.size(), row.amount_cents);
    const bool whole = parsed.ec == std::errc() && parsed.ptr == amount.data() + amount.size();
    if (!whole || row.amount_cents < 1 || row.amount_cents > amount_cents_max)
        return BadRow{record.line, "amount_cents",
                      fmt::format("must be a whole number from 1 to {}, not '{}'", amount_cents_max, amount)};

    row.currency = record.fields[at_[currency]];
    if (!is_currency(row.currency))
        return BadRow{record.line, "currency",
                      fmt::format("must be an ISO 4217 code such as EUR, not '{}'", row.currency)};
    return std::nullopt;
}

}  // namespace ledgerline::cli
