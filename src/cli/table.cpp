// Table: how wide it is, and in which colours.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/text.h"
#include "base/uuid.h"
#include "cli/terminal.h"

namespace ledgerline::cli {
namespace {

constexpr std::size_t kColumnsBetween = 2;
constexpr std::size_t kIdEnd = 8;     // shown of an id
constexpr std::size_t kTextMin = 12;  // left of a text that is cut
constexpr std::size_t kSecondsEnd = std::string_view("2026-01-31T09:00:00").size();
constexpr std::string_view kEllipsis = "\u2026";

constexpr std::string_view kBold = "\x1b[1m", kRed = "\x1b[31m", kGreen = "\x1b[32m", kYellow = "\x1b[33m";
constexpr std::string_view kPlain = "\x1b[0m";

bool is_id(std::string_view text) { return Uuid::parse(text).has_value(); }
bool is_time(std::string_view text) { return text.ends_with('Z') && parse_rfc3339(text); }

// Statuses only.
std::string_view colour_of(std::string_view cell) {
    for (const std::string_view word : {"FAILED", "PARKED", "CLOSED", "does not hold"})
        if (cell == word) return kRed;
    for (const std::string_view word : {"PENDING", "PROCESSING", "SUSPENDED", "EXPIRED"})
        if (cell == word) return kYellow;
    for (const std::string_view word : {"PROCESSED", "ACTIVE", "OPEN", "CAPTURED", "REPLAYED"})
        if (cell == word) return kGreen;
    return "";
}

bool wants_colours(const roles::Environment& environment) {
    const char* none = std::getenv("NO_COLOR");
    const char* kind = std::getenv("TERM");
    return environment.out_is_terminal && !(none && *none) && !(kind && std::string_view(kind) == "dumb");
}

}  // namespace

TableStyle TableStyle::of(const roles::Environment& environment) {
    return {.columns_max = environment.out_is_terminal ? ScreenSize::of_stdout().columns : ScreenSize().columns,
            .colours = wants_colours(environment)};
}

void Table::add(std::vector<std::string> cells) {
    LEDGERLINE_ASSERT(cells.size() == columns_.size());
    for (std::string& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string Table::in_form(const std::string& cell, const Shown& shown) {
    if (shown.form == Form::whole_seconds && is_time(cell)) return cell.substr(0, kSecondsEnd) + "Z";
    if (shown.form == Form::end_of_id && is_id(cell)) return std::string(kEllipsis) + cell.substr(cell.size() - kIdEnd);
    if (width_of(cell) <= shown.cut_to) return cell;
    return std::string(cut(cell, shown.cut_to - 1)).append(kEllipsis);
}

std::string Table::shown_cell(const std::vector<std::string>& cells, const Shown& shown) const {
    return in_form(cells[shown.column], shown);
}

// Empty cells are of every kind.
bool Table::all_cells(std::size_t column, bool (*is_kind)(std::string_view)) const {
    return !rows_.empty() &&
           std::ranges::all_of(rows_, [&](const auto& row) { return row[column].empty() || is_kind(row[column]); });
}

bool Table::fits() {
    std::size_t total = 0;
    for (Shown& shown : layout_) {
        shown.width = width_of(columns_[shown.column].title);
        for (const auto& row : rows_) shown.width = std::max(shown.width, width_of(shown_cell(row, shown)));
        total += shown.width + kColumnsBetween;
    }
    return total <= style_.columns_max || total - kColumnsBetween <= style_.columns_max;
}

void Table::lay_out() {
    for (std::size_t i = 0; i < columns_.size(); ++i) layout_.push_back({.column = i});
    if (fits()) return;
    for (Shown& shown : layout_)
        if (all_cells(shown.column, is_time)) shown.form = Form::whole_seconds;
    if (fits()) return;
    for (Shown& shown : layout_)
        if (shown.column > 0 && all_cells(shown.column, is_id)) shown.form = Form::end_of_id;
    for (std::size_t i = columns_.size(); i-- > 0 && !fits();)
        if (columns_[i].spare) std::erase_if(layout_, [i](const Shown& shown) { return shown.column == i; });
    if (!fits()) cut_texts();
}

void Table::cut_texts() {
    while (!fits()) {
        Shown* widest = nullptr;
        for (Shown& shown : layout_)
            if (shown.column > 0 && columns_[shown.column].align == Align::left && shown.form == Form::whole &&
                shown.width > std::max(kTextMin, width_of(columns_[shown.column].title)) &&
                (!widest || shown.width > widest->width))
                widest = &shown;
        if (!widest) return;
        widest->cut_to = widest->width - 1;
    }
}

void Table::print_row(const std::vector<std::string>& cells, std::ostream& out, bool titles) const {
    std::string line;
    std::size_t printed = 0;  // of line without trailing spaces
    for (const Shown& shown : layout_) {
        const std::string cell = titles ? cells[shown.column] : shown_cell(cells, shown);
        const std::size_t width = width_of(cell);
        const std::string padding(std::max(shown.width, width) - width, ' ');
        const std::string_view colour = !style_.colours ? "" : titles ? kBold : colour_of(cell);
        if (&shown != &layout_.front()) line.append(kColumnsBetween, ' ');
        if (columns_[shown.column].align == Align::right) line += padding;
        line.append(colour).append(cell).append(colour.empty() ? "" : kPlain);
        if (!cell.empty()) printed = line.size();
        if (columns_[shown.column].align == Align::left) line += padding;
    }
    line.resize(printed);
    out << line << '\n';
}

void Table::print(std::ostream& out) {
    if (layout_.empty()) {
        lay_out();
        std::vector<std::string> titles;
        for (const Column& column : columns_) titles.push_back(column.title);
        print_row(titles, out, true);
    }
    for (const auto& row : rows_) print_row(row, out, false);
    rows_.clear();
}

}  // namespace ledgerline::cli
