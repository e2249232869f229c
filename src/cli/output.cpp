#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/csv.h"
#include "cli/amounts.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kPageMax = 1000;  // of the API

void print_json(const roles::Environment& environment, const json::Value& value) {
    environment.out << printable_json(json::serialize(value)) << '\n';
}

// A line of CSV: what cell(i) appends to it, for i from 0.
template <class Cell>
void print_csv(const roles::Environment& environment, std::size_t cells, const Cell& cell) {
    std::string line;
    for (std::size_t i = 0; i < cells; ++i) {
        if (i > 0) line.push_back(',');
        cell(i, line);
    }
    environment.out << line << csv_line_end;
}

// A number stands there as it is, so that negative amounts stay numbers.
void append_csv_cell(const json::Value* value, std::string& out) {
    if (value && value->if_number())
        out += cell_of(value);
    else
        append_csv_text(printable(cell_of(value)), out);
}

void print_csv_object(const roles::Environment& environment, const json::Object& object) {
    print_csv(environment, object.size(),
              [&](std::size_t i, std::string& line) { append_csv_text(printable(object[i].first), line); });
    print_csv(environment, object.size(),
              [&](std::size_t i, std::string& line) { append_csv_cell(&object[i].second, line); });
}

// Amounts in minor units.
std::vector<Field> csv_fields_of(std::span<const Field> fields) {
    std::vector<Field> in_csv(fields.begin(), fields.end());
    for (Field& field : in_csv)
        if (field.amount) field.member = field.title = field.member + "_cents";
    return in_csv;
}

std::vector<Field> with_currency(std::span<const Field> fields) {
    std::vector<Field> in_csv(fields.begin(), fields.end());
    const bool has_amounts = std::ranges::find(fields, true, &Field::amount) != fields.end();
    const bool has_currency = std::ranges::find(fields, "currency", &Field::member) != fields.end();
    if (has_amounts && !has_currency) in_csv.push_back({"currency", "currency"});
    return in_csv;
}

void print_csv_list(const roles::Environment& environment, std::span<const Field> shown,
                    const std::vector<json::Value>& objects, bool continued) {
    const std::vector<Field> fields = csv_fields_of(shown);
    if (!continued)
        print_csv(environment, fields.size(),
                  [&](std::size_t i, std::string& line) { append_csv_text(fields[i].title, line); });
    for (const json::Value& object : objects)
        print_csv(environment, fields.size(),
                  [&](std::size_t i, std::string& line) { append_csv_cell(object.find(fields[i].member), line); });
}

}  // namespace

void declare_output_option(Command& command, OutputOptions& options, Formats formats) {
    const OptionText text{"-o,--output", "", "How to print the result"};
    if (formats == Formats::table_json_csv)
        command.choice(text, options.format, {"table", "json", "csv"});
    else
        command.choice(text, options.format, {"table", "json"});
}

int report(const roles::Environment& environment, const Error& error) {
    say(environment, "ledgerline: " + error.message);
    return roles::exit_code_of(error);
}

std::string cell_of(const json::Value* value) {
    if (!value || value->is_null()) return "";
    if (const std::string* text = value->if_string()) return *text;
    return json::serialize(*value);
}

Field amount_field(const std::string& name) { return {name, name, Align::right, true}; }

void print_object(const roles::Environment& environment, const OutputOptions& output, const json::Value& object) {
    if (output.json() || !object.if_object()) return print_json(environment, object);
    if (output.csv()) return print_csv_object(environment, *object.if_object());
    std::vector<std::pair<std::string, std::string>> lines;
    std::size_t widest = 0;
    for (const auto& [name, value] : *object.if_object()) {
        lines.emplace_back(printable(name), printable(cell_of(&value)));
        widest = std::max(widest, width_of(lines.back().first));
    }
    for (const auto& [name, value] : lines)
        environment.out << name << std::string(widest - width_of(name) + 2, ' ') << value << '\n';
}

void print_list(const roles::Environment& environment, const OutputOptions& output, std::span<const Field> fields,
                const std::vector<json::Value>& objects, bool continued) {
    if (output.csv()) return print_csv_list(environment, fields, objects, continued);
    if (output.json()) {
        for (const json::Value& object : objects) print_json(environment, object);
        return;
    }
    std::vector<Column> columns;
    for (const Field& field : fields) columns.push_back({field.title, field.align});
    Table table(std::move(columns));
    for (const json::Value& object : objects) {
        std::vector<std::string> cells;
        for (const Field& field : fields) cells.push_back(cell_of(object.find(field.member)));
        table.add(std::move(cells));
    }
    table.print(environment.out);
}

Result<void> print_pages(const roles::Environment& environment, const OutputOptions& output, Server& server,
                         const PagedList& list) {
    const std::vector<Field> streamed =
        list.names_currency ? with_currency(list.fields) : std::vector(list.fields.begin(), list.fields.end());
    std::vector<json::Value> for_table;
    std::string cursor;
    bool continued = false;
    for (std::int64_t left = list.limit; left > 0; continued = true) {
        const std::string target = fmt::format("{}?limit={}{}{}", list.path, std::min(left, kPageMax), list.filters,
                                               query_of("cursor", cursor));
        LEDGERLINE_TRY(const json::Value page, server.get(target, list.member));
        LEDGERLINE_TRY(const json::Array objects, server.objects_of(page, list.member));
        if (output.streams())
            print_list(environment, output, streamed, objects, continued);
        else
            for_table.insert(for_table.end(), objects.begin(), objects.end());
        left -= static_cast<std::int64_t>(objects.size());
        // A page may be empty although more follow.
        std::string next = text_of(page, "next_cursor");
        if (!next.empty() && next == cursor) return std::unexpected(server.bad_answer("answered with the same cursor"));
        cursor = std::move(next);
        if (cursor.empty()) break;
        if (output.streams() && !environment.out) return {};  // nobody reads it any more
    }
    if (!output.streams())
        print_list(environment, output, list.fields, for_people(for_table, amounts_of(server), list.currency));
    if (!cursor.empty())
        say(environment, fmt::format("There are more than {}: raise --limit to see the rest.", list.limit));
    return {};
}

std::string query_of(std::string_view name, std::string_view value) {
    return value.empty() ? "" : fmt::format("&{}={}", name, http::percent_encode(value));
}

}  // namespace ledgerline::cli
