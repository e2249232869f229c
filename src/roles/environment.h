// Environment: what a command may use of its surroundings. Everything in it must outlive the command.
#pragma once

#include <istream>
#include <ostream>

#include "base/clock.h"
#include "base/random.h"
#include "roles/descriptor_output.h"

namespace ledgerline::roles {

struct Environment {
    std::ostream& out;  // results, and nothing else
    std::ostream& err;  // messages and progress
    bool err_is_terminal;
    const Clock& clock;
    Random& random;
    bool out_is_terminal = false;
    const DescriptorOutput* out_buffer = nullptr;  // behind out; null if out is not a descriptor
    std::istream* terminal = nullptr;              // where a person answers questions; null if there is none
};

}  // namespace ledgerline::roles
