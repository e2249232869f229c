// How commands print results of the API or the database: tables for people, JSON and CSV for programs.
//
// JSON on stdout is one document; for lists it is JSON Lines, one object per line, so that a list of any length can be
// read as it arrives; YAML is one sequence. Tables fit the terminal, or 80 columns; wide ones show everything. CSV has
// a line of titles and one line per object (RFC 4180). Numbers stand there as they are; a text that a spreadsheet would
// run as a formula has an apostrophe in front.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command.h"
#include "cli/server.h"
#include "cli/terminal.h"

namespace ledgerline::cli {

struct OutputOptions {
    std::string format = "table";
    bool json() const { return format == "json"; }
    bool yaml() const { return format == "yaml"; }
    bool csv() const { return format == "csv"; }
    bool documents() const { return json() || yaml(); }    // whole objects, as they are
    bool streams() const { return documents() || csv(); }  // a table is printed once all of it is there
};
// What a command can print: wide and csv are for lists and balances.
enum class Formats { object, list };
void declare_output_option(Command& command, OutputOptions& options, Formats formats = Formats::object);

// Prints the message to stderr, and returns the exit code for the error.
int report(const roles::Environment& environment, const Error& error);

// A column of a list: the object member that it shows.
struct Field {
    std::string member;
    std::string title;
    Align align = Align::left;
    bool amount = false;
    bool spare = false;  // left out of a table that is too wide
};
// An amount, by the name of its member without "_cents": tables show it as people write it (cli/amounts.h), CSV in
// minor units under the member's whole name.
Field amount_field(const std::string& name);
Field spare(Field field);

// The text of a table cell for a JSON value: strings unchanged, "" for null, compact JSON otherwise.
std::string cell_of(const json::Value* value);

// One object: as JSON, or one line per member.
void print_object(const roles::Environment& environment, const OutputOptions& output, const json::Value& object);

// Prints a list of objects, at once or part by part. What it is given must outlive it.
class ListPrinter {
public:
    ListPrinter(const roles::Environment& environment, const OutputOptions& output, std::span<const Field> fields);

    void print(const std::vector<json::Value>& objects);
    // After the last part. what: of what there is none, when there was none; "" says nothing.
    void finish(const std::string& what);

private:
    void print_csv(const std::vector<json::Value>& objects);
    void print_table(const std::vector<json::Value>& objects);

    const roles::Environment& environment_;
    const OutputOptions& output_;
    std::vector<Field> fields_;
    std::optional<Table> table_;  // once there is a row
    bool begun_ = false;
    bool any_ = false;
};

// A whole list, as one of `what`.
void print_list(const roles::Environment& environment, const OutputOptions& output, std::span<const Field> fields,
                const std::vector<json::Value>& objects, const std::string& what);

inline constexpr std::int64_t list_limit_max = 1'000'000;

// -f of a list, which then goes on with what comes.
void declare_follow(Command& command, bool& follow);

// A list that the API answers in pages.
struct PagedList {
    std::string path;
    std::string filters{};  // made with query_of()
    std::string member;     // the array in the answer
    std::int64_t limit = 0;
    std::span<const Field> fields;
    std::string currency{};      // of amounts in objects that name none
    bool names_currency = true;  // an amount's object does: in CSV it has a column of its own
    bool follow = false;         // newest first, but printed in the order in which they came, and those to come
    std::string key = "id";      // the member that tells the objects apart
};

// Reads at most limit objects of the list and prints them. Says on stderr when there are more, or none. With follow it
// ends when it is interrupted, or when nobody reads it any more; an outage in between only delays it.
Result<void> print_pages(const roles::Environment& environment, const OutputOptions& output, Server& server,
                         const PagedList& list);

// "&name=value", percent-encoded; "" when value is empty.
std::string query_of(std::string_view name, std::string_view value);

}  // namespace ledgerline::cli
