// What commands write for people: messages, questions, tables, and pictures that replace one another.
//
// Text that a command shows to people passes through say() or a Table, and is made printable. Only progress, questions
// and pictures use characters that control a terminal.
#pragma once

#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// A message for people: one line on stderr.
void say(const roles::Environment& environment, std::string_view message);

// Help as our own text has it, on stderr: in answer to a command that lacks something.
void say_help(const roles::Environment& environment, std::string_view help);

// Asks a yes-or-no question on stderr and reads a line. True for "y" or "yes" in any case; anything else, the end of
// input included, means no. Call it only if environment.terminal is set.
bool confirmed(const roles::Environment& environment, const std::string& question);

enum class Align { left, right };

struct Column {
    std::string title;
    Align align = Align::left;
    bool spare = false;  // left out, the last one first, when the table is too wide
};

struct TableStyle {
    std::size_t columns_max = std::numeric_limits<std::size_t>::max();
    bool colours = false;

    // As wide as the terminal on stdout, or 80 columns; in colours on a terminal unless NO_COLOR is set.
    static TableStyle of(const roles::Environment& environment);
};

// Rows of text in aligned columns, with numbers aligned to the right. What is too wide gets narrower step by step:
// times lose their fractions, ids that are not in the first column all but their end, spare columns are left out, and
// at last the widest texts are cut. Numbers and the first column are never shortened.
class Table {
public:
    explicit Table(std::vector<Column> columns, TableStyle style = {}) : columns_(std::move(columns)), style_(style) {}

    // One cell per column. Cells are made printable().
    void add(std::vector<std::string> cells);
    // Titles, then the rows, two spaces between columns, no trailing spaces. Without rows only the titles. Once
    // printed, a table continues: without titles, with the rows added since, in the same columns.
    void print(std::ostream& out);

private:
    enum class Form { whole, whole_seconds, end_of_id };
    struct Shown {
        std::size_t column;
        std::size_t width = 0;
        Form form = Form::whole;
        std::size_t cut_to = std::numeric_limits<std::size_t>::max();
    };
    static std::string in_form(const std::string& cell, const Shown& shown);
    std::string shown_cell(const std::vector<std::string>& cells, const Shown& shown) const;
    bool all_cells(std::size_t column, bool (*is_kind)(std::string_view)) const;
    bool fits();
    void lay_out();
    void cut_texts();
    void print_row(const std::vector<std::string>& cells, std::ostream& out, bool titles) const;

    std::vector<Column> columns_;
    TableStyle style_;
    std::vector<std::vector<std::string>> rows_;  // not printed yet
    std::vector<Shown> layout_;                   // empty until it is printed
};

// The number of code points of valid UTF-8.
std::size_t width_of(std::string_view text);
// The first `columns` code points.
std::string_view cut(std::string_view text, std::size_t columns);

// A terminal that shows successive pictures in the same place, using only ANSI sequences.
struct ScreenSize {
    std::size_t rows = 24;
    std::size_t columns = 80;

    // Of the terminal on stdout; 24 by 80 if unknown.
    static ScreenSize of_stdout();
};

// The sequence that replaces the previous picture with these lines, cut to the size. Lines are valid UTF-8 without
// control characters.
std::string picture_of(const std::vector<std::string>& lines, ScreenSize size);

}  // namespace ledgerline::cli
