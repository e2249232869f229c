#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/amounts.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kPageMax = 1000;  // of the API

void print_json(const roles::Environment& environment, const json::Value& value) {
    environment.out << printable_json(json::serialize(value)) << '\n';
}

}  // namespace

void declare_output_option(Command& command, OutputOptions& options) {
    command.choice({"-o,--output", "", "How to print the result"}, options.format, {"table", "json"});
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

void print_object(const roles::Environment& environment, const OutputOptions& output, const json::Value& object) {
    if (output.json() || !object.if_object()) return print_json(environment, object);
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
                const std::vector<json::Value>& objects) {
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
    std::vector<json::Value> for_table;
    std::string cursor;
    for (std::int64_t left = list.limit; left > 0;) {
        const std::string target = fmt::format("{}?limit={}{}{}", list.path, std::min(left, kPageMax), list.filters,
                                               query_of("cursor", cursor));
        LEDGERLINE_TRY(const json::Value page, server.get(target, list.member));
        LEDGERLINE_TRY(const json::Array objects, server.objects_of(page, list.member));
        if (output.json())
            print_list(environment, output, list.fields, objects);
        else
            for_table.insert(for_table.end(), objects.begin(), objects.end());
        left -= static_cast<std::int64_t>(objects.size());
        cursor = text_of(page, "next_cursor");
        if (cursor.empty() || objects.empty()) break;
        if (output.json() && !environment.out) return {};  // nobody reads it any more
    }
    if (!output.json())
        print_list(environment, output, list.fields, for_people(for_table, amounts_of(server), list.currency));
    if (!cursor.empty())
        say(environment, fmt::format("There are more than {}: raise --limit to see the rest.", list.limit));
    return {};
}

std::string query_of(std::string_view name, std::string_view value) {
    return value.empty() ? "" : fmt::format("&{}={}", name, http::percent_encode(value));
}

}  // namespace ledgerline::cli
