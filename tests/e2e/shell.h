// The program as a shell runs it: redirections, pipes, FIFOs, terminals.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace ledgerline::test {

struct Shelled {
    int code = 0;  // of the script; 128 and the signal's number when one ended it
    std::string out, err;
};

// Runs a script with bash in directory, which is where its files are. $L is the program; nothing else of this process's
// environment is set but PATH. url becomes LEDGERLINE_URL.
Shelled shell(const std::filesystem::path& directory, const std::string& script, const std::string& url = "");

// The program on a terminal of its own: what it prints there, and an answer to type once `until` has been printed. Ends
// with the program.
Shelled on_terminal(const std::filesystem::path& directory, const std::string& script, const std::string& url,
                    std::string_view until, std::string_view typed);

}  // namespace ledgerline::test
