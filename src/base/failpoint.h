// failpoint: names a moment at which a process may be killed or frozen by a fault test.
//
// The product's programs link the function of failpoint.cpp, which does nothing. Test builds link a program of their
// own with another one (tests/faults/failpoints.cpp), which acts as its environment says. Thread-safe.
#pragma once

#include <string_view>

namespace ledgerline {

// name: "stage.moment". Called with the state of that moment as a crash would find it: nothing is flushed or handed on
// for its sake.
void failpoint(std::string_view name);

}  // namespace ledgerline
