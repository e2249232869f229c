// What commands write for people: messages, questions, tables, and pictures that replace one another.
//
// Text that a command shows to people passes through say() or a Table, and is made printable. Only progress, questions
// and pictures use characters that control a terminal.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "roles/environment.h"

namespace ledgerline::cli {

// A message for people: one line on stderr.
void say(const roles::Environment& environment, std::string_view message);

// Asks a yes-or-no question on stderr and reads a line. True for "y" or "yes" in any case; anything else, the end of
// input included, means no. Call it only if environment.terminal is set.
bool confirmed(const roles::Environment& environment, const std::string& question);

enum class Align { left, right };

struct Column {
    std::string title;
    Align align = Align::left;
};

// Rows of text in aligned columns, with numbers aligned to the right.
class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    // One cell per column. Cells are made printable().
    void add(std::vector<std::string> cells);
    // Titles, then the rows, two spaces between columns, no trailing spaces. Without rows only the titles.
    void print(std::ostream& out) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

// The number of code points of valid UTF-8.
std::size_t width_of(std::string_view text);

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
