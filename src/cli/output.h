// How commands print what the API or the database told them: tables for people, JSON for programs.
//
// JSON on stdout is one document; for lists it is JSON Lines, one object a line, so that a list of any length can be
// read while it arrives.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command.h"
#include "cli/server.h"
#include "cli/table.h"

namespace ledgerline::cli {

struct OutputOptions {
    std::string format = "table";
    bool json() const { return format == "json"; }
};
void declare_output_option(Command& command, OutputOptions& options);

// Prints the message to stderr, and returns the exit code that the error means.
int report(const roles::Environment& environment, const Error& error);

// A column of a list: the member of the objects that it shows.
struct Field {
    std::string member;
    std::string title;
    Align align = Align::left;
};

// What stands in a table for a JSON value: strings as they are, "" for null, compact JSON otherwise.
std::string cell_of(const json::Value* value);

// One object: its JSON, or a line for each member.
void print_object(const roles::Environment& environment, const OutputOptions& output, const json::Value& object);

// A list of objects.
void print_list(const roles::Environment& environment, const OutputOptions& output, std::span<const Field> fields,
                const std::vector<json::Value>& objects);

inline constexpr std::int64_t list_limit_max = 1'000'000;

// Reads at most limit objects of a paged list, whose array is the answer's given member, and prints them. filters are
// made of query_of(). Says on stderr when there would be more.
Result<void> print_pages(const roles::Environment& environment, const OutputOptions& output, Server& server,
                         const std::string& path, const std::string& filters, const std::string& member,
                         std::int64_t limit, std::span<const Field> fields);

// "&name=value", percent-encoded; "" when value is empty.
std::string query_of(std::string_view name, std::string_view value);

}  // namespace ledgerline::cli
