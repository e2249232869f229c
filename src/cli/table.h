// Table: rows of text in aligned columns, with numbers aligned to the right.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace ledgerline::cli {

enum class Align { left, right };

struct Column {
    std::string title;
    Align align = Align::left;
};

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
// 1234567 as "1,234,567".
std::string grouped(std::int64_t number);

}  // namespace ledgerline::cli
