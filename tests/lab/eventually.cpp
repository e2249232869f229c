#include "lab/eventually.h"

#include <cstdio>
#include <cstdlib>

#include "base/wakeup.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kLook{10};

}  // namespace

bool eventually(const std::function<bool()>& holds, milliseconds at_most) {
    const SteadyTime end = SystemClock().steady_now() + at_most;
    while (!holds()) {
        if (SystemClock().steady_now() >= end) return false;
        Wakeup().wait(kLook);
    }
    return true;
}

void give_up(const std::string& who, const std::string& why) {
    std::fprintf(stderr, "%s: %s\n", who.c_str(), why.c_str());
    std::_Exit(1);
}

void await(const std::string& who, const std::string& what, const std::function<bool()>& holds) {
    if (!eventually(holds)) give_up(who, what + ": not in time");
}

}  // namespace ledgerline::test
