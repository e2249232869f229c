#include "cli/keys.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace ledgerline::cli {

Keys::Keys() {
    termios settings{};
    if (tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &settings) != 0) return;
    before_ = settings;
    settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    settings.c_cc[VMIN] = 0;  // read() returns what there is
    settings.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

Keys::~Keys() {
    if (before_) tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
}

bool Keys::pressed(char key) {
    if (!before_) return false;
    std::array<char, 64> typed{};
    const ssize_t count = read(STDIN_FILENO, typed.data(), typed.size());
    return count > 0 && std::find(typed.begin(), typed.begin() + count, key) != typed.begin() + count;
}

}  // namespace ledgerline::cli
