#include <unistd.h>

#include <iostream>

#include "app/up.h"
#include "base/clock.h"
#include "base/random.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
    using namespace ledgerline;
    std::ios::sync_with_stdio(false);
    const SystemClock clock;
    SystemRandom random;
    const cli::Environment environment{std::cout, std::cerr, isatty(STDERR_FILENO) == 1, clock, random};
    const auto up = [&](const cli::UpOptions& options) { return app::run_up(environment, options); };
    return cli::run(environment, argc, argv, {.up = up});
}
