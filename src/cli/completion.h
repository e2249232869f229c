// Completion of command lines, by the program itself: the script of a shell asks it with what has been typed.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ledgerline::cli {

// The first argument of such a question; the words typed so far follow, the last one possibly empty.
inline constexpr const char* completion_request = "__complete";

// One line each: a candidate, a tab and its description; or ":file" or ":dir" where one of those is wanted.
std::vector<std::string> completions(const CLI::App& root, const std::vector<std::string>& words);

}  // namespace ledgerline::cli
