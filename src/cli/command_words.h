// What a command line means before it is parsed: which command it names, and whether all its words and flags exist.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ledgerline::cli {

struct CommandWords {
    const CLI::App* level;  // the innermost command named
    std::string command;    // its full name: "ledgerline accounts show"
    std::string complaint;  // one line about an unknown command or flag, with the one that was probably meant
    std::vector<std::string> flags = {};  // as typed, without values
    bool lacks_command = false;           // the level is a family, and none of its commands is named

    bool names_flag(const std::string& flag) const { return std::ranges::find(flags, flag) != flags.end(); }
};

// Follows the arguments down the levels of the command line, as the parser will. Stops at the first complaint.
CommandWords follow(const CLI::App& root, const std::vector<std::string>& arguments);

}  // namespace ledgerline::cli
