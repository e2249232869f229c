// The fuzzer's program: LEDGERLINE_FUZZ_TARGET names what it runs.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "fuzz/targets.h"

namespace {

const ledgerline::test::FuzzTarget& chosen() {
    const char* name = std::getenv("LEDGERLINE_FUZZ_TARGET");
    const auto* target = name ? ledgerline::test::find_fuzz_target(name) : nullptr;
    if (!target) {
        std::fputs("LEDGERLINE_FUZZ_TARGET must name one of:", stderr);
        for (const auto& each : ledgerline::test::fuzz_targets()) std::fprintf(stderr, " %s", each.name.data());
        std::fputc('\n', stderr);
        std::exit(2);
    }
    return *target;
}

}  // namespace

// NOLINTNEXTLINE: libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto& target = chosen();
    target.run({reinterpret_cast<const char*>(data), size});
    return 0;
}
