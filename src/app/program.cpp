#include "app/program.h"

#include <unistd.h>

#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "app/roles.h"
#include "base/clock.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/hide_passwords.h"

namespace ledgerline::app {

int run_program(int argc, char** argv) {
    const std::span<char*> given(argv, static_cast<std::size_t>(argc));
    const std::vector<std::string> copies(given.begin(), given.end());
    cli::hide_passwords(given);
    std::vector<const char*> arguments;
    for (const std::string& copy : copies) arguments.push_back(copy.c_str());

    std::ios::sync_with_stdio(false);
    const SystemClock clock;
    SystemRandom random;
    const cli::Environment environment{std::cout, std::cerr, isatty(STDERR_FILENO) == 1,
                                       clock,     random,    isatty(STDOUT_FILENO) == 1};
    return cli::run(environment, argc, arguments.data(),
                    {.up = [&](const auto& options) { return run_up(environment, options); },
                     .api = [&](const auto& options) { return run_api(environment, options); },
                     .publisher = [&](const auto& options) { return run_publisher(environment, options); },
                     .worker = [&](const auto& options) { return run_worker(environment, options); }});
}

}  // namespace ledgerline::app
