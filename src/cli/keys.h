// Keys that are pressed while a command shows something, without Enter.
#pragma once

#include <termios.h>

#include <optional>

namespace ledgerline::cli {

// While it exists, the terminal on stdin passes on every key at once and shows none. Does nothing if stdin is no
// terminal, or that of another job.
class Keys {
public:
    Keys();
    ~Keys();
    Keys(const Keys&) = delete;
    Keys& operator=(const Keys&) = delete;

    // Whether the key was pressed since the last call.
    bool pressed(char key);

private:
    std::optional<termios> before_;
};

}  // namespace ledgerline::cli
