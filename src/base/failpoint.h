// failpoint: names a moment at which a fault test may kill or freeze the process.
//
// The product's programs link failpoint.cpp, where it does nothing. Test builds link another definition
// (tests/faults/failpoints.cpp), which acts as its environment says. Thread-safe.
#pragma once

#include <string_view>

namespace ledgerline {

// name: "stage.moment". Called in the state that a crash at that moment would leave: nothing is flushed or handed on
// first.
void failpoint(std::string_view name);

}  // namespace ledgerline
