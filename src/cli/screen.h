// Screen: a terminal that shows successive pictures in the same place, using only ANSI sequences.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace ledgerline::cli {

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
