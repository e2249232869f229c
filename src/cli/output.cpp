#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/csv.h"
#include "cli/amounts.h"
#include "cli/terminal.h"
#include "cli/yaml.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

void print_json(const roles::Environment& environment, const json::Value& value) {
    environment.out << printable_json(json::serialize(value)) << '\n';
}

// A line of CSV: what cell(i) appends to it, for i from 0.
template <class Cell>
void print_csv_line(const roles::Environment& environment, std::size_t cells, const Cell& cell) {
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
    print_csv_line(environment, object.size(),
                   [&](std::size_t i, std::string& line) { append_csv_text(printable(object[i].first), line); });
    print_csv_line(environment, object.size(),
                   [&](std::size_t i, std::string& line) { append_csv_cell(&object[i].second, line); });
}

// Amounts in minor units.
std::vector<Field> csv_fields_of(std::span<const Field> fields) {
    std::vector<Field> in_csv(fields.begin(), fields.end());
    for (Field& field : in_csv)
        if (field.amount) field.member = field.title = field.member + "_cents";
    return in_csv;
}

}  // namespace

void declare_output_option(Command& command, OutputOptions& options, Formats formats) {
    const OptionText text{"-o,--output", "", "How to print the result"};
    if (formats == Formats::list)
        command.choice(text, options.format, {"table", "wide", "json", "yaml", "csv"});
    else
        command.choice(text, options.format, {"table", "json", "yaml"});
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

Field spare(Field field) {
    field.spare = true;
    return field;
}

Field amount_field(const std::string& name) { return {name, name, Align::right, true}; }

void print_object(const roles::Environment& environment, const OutputOptions& output, const json::Value& object) {
    if (output.yaml() && object.if_object()) {
        environment.out << yaml_of(object);
        return;
    }
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

ListPrinter::ListPrinter(const roles::Environment& environment, const OutputOptions& output,
                         std::span<const Field> fields)
    : environment_(environment), output_(output), fields_(fields.begin(), fields.end()) {
    if (output.csv()) fields_ = csv_fields_of(fields);
}

void ListPrinter::print(const std::vector<json::Value>& objects) {
    any_ = any_ || !objects.empty();
    if (output_.csv()) return print_csv(objects);
    if (!output_.documents()) return print_table(objects);
    for (const json::Value& object : objects)
        if (output_.json())
            print_json(environment_, object);
        else
            environment_.out << yaml_item_of(object);
}

void ListPrinter::print_csv(const std::vector<json::Value>& objects) {
    if (!std::exchange(begun_, true))
        print_csv_line(environment_, fields_.size(),
                       [&](std::size_t i, std::string& line) { append_csv_text(fields_[i].title, line); });
    for (const json::Value& object : objects)
        print_csv_line(environment_, fields_.size(), [&](std::size_t i, std::string& line) {
            append_csv_cell(object.find(fields_[i].member), line);
        });
}

void ListPrinter::print_table(const std::vector<json::Value>& objects) {
    if (objects.empty()) return;
    if (!table_) {
        std::vector<Column> columns;
        for (const Field& field : fields_) columns.push_back({field.title, field.align, field.spare});
        TableStyle style = TableStyle::of(environment_);
        if (output_.format == "wide") style.columns_max = TableStyle().columns_max;
        table_.emplace(std::move(columns), style);
    }
    for (const json::Value& object : objects) {
        std::vector<std::string> cells;
        for (const Field& field : fields_) cells.push_back(cell_of(object.find(field.member)));
        table_->add(std::move(cells));
    }
    table_->print(environment_.out);
}

void ListPrinter::finish(const std::string& what) {
    if (any_) return;
    if (output_.yaml()) environment_.out << "[]\n";
    if (!output_.streams() && !what.empty()) say(environment_, fmt::format("No {}.", what));
}

void print_list(const roles::Environment& environment, const OutputOptions& output, std::span<const Field> fields,
                const std::vector<json::Value>& objects, const std::string& what) {
    ListPrinter printer(environment, output, fields);
    printer.print(objects);
    printer.finish(what);
}

std::string query_of(std::string_view name, std::string_view value) {
    return value.empty() ? "" : fmt::format("&{}={}", name, http::percent_encode(value));
}

}  // namespace ledgerline::cli
