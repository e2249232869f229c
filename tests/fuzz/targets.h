// Targets: what reads bytes from outside, each with the promises that no bytes may break. A broken one aborts.
//
// A fuzzer runs them on bytes of its own (fuzzer.cpp), and corpus_test on those that are kept under corpus/.
#pragma once

#include <span>
#include <string_view>

namespace ledgerline::test {

struct FuzzTarget {
    std::string_view name;
    void (*run)(std::string_view bytes);
};

std::span<const FuzzTarget> fuzz_targets();
// Null when there is none of that name.
const FuzzTarget* find_fuzz_target(std::string_view name);

}  // namespace ledgerline::test
