// Screen: a terminal that shows one picture after the other in the same place, with nothing but ANSI sequences.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace ledgerline::cli {

struct ScreenSize {
    std::size_t rows = 24;
    std::size_t columns = 80;

    // Of the terminal that is stdout; 24 times 80 where it does not say.
    static ScreenSize of_stdout();
};

// The sequence that puts these lines in place of the picture before, cut to the size. Lines are valid UTF-8 without
// control characters.
std::string picture_of(const std::vector<std::string>& lines, ScreenSize size);

}  // namespace ledgerline::cli
