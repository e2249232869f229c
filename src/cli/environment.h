// Environment: what a command is given of the world. Everything in it must outlive the command.
#pragma once

#include <ostream>

#include "base/clock.h"
#include "base/random.h"

namespace ledgerline::cli {

struct Environment {
    std::ostream& out;  // results, and nothing else
    std::ostream& err;  // messages and progress
    bool err_is_terminal;
    const Clock& clock;
    Random& random;
    bool out_is_terminal = false;
};

}  // namespace ledgerline::cli
