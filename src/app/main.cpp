#include <unistd.h>

#include <iostream>

#include "base/clock.h"
#include "base/random.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
    using namespace ledgerline;
    std::ios::sync_with_stdio(false);
    const SystemClock clock;
    SystemRandom random;
    const cli::Environment environment{std::cout, std::cerr, isatty(STDERR_FILENO) == 1, clock, random};
    return cli::run(environment, argc, argv, {});
}
