#include "app/program.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/roles.h"
#include "base/clock.h"
#include "base/last_words.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/hide_passwords.h"
#include "observe/log.h"
#include "observe/standard_streams.h"

namespace ledgerline::app {
namespace {

constexpr std::string_view kRoles[] = {"up", "api", "publisher", "worker"};

// Instead of the library's handler, which writes to stderr however long that takes.
[[noreturn]] void end_by_exception() {
    std::string reason = "no exception";
    try {
        if (const auto exception = std::current_exception()) std::rethrow_exception(exception);
    } catch (const std::exception& exception) {
        reason = exception.what();
    } catch (...) {
        reason = "unknown exception";
    }
    say_last_words("bug in ledgerline: an exception ends the process: " + reason);
    std::abort();
}

}  // namespace

int run_program(int argc, char** argv) {
    keep_standard_streams_open();
    std::set_terminate(end_by_exception);
    const std::span<char*> given(argv, static_cast<std::size_t>(argc));
    // A role that is told something wrong says so, or ends without a word.
    if (given.size() > 1 && std::ranges::count(kRoles, std::string_view(given[1])) > 0) never_wait_for(STDERR_FILENO);
    const std::vector<std::string> copies(given.begin(), given.end());
    cli::hide_passwords(given);
    std::vector<const char*> arguments;
    for (const std::string& copy : copies) arguments.push_back(copy.c_str());

    std::ios::sync_with_stdio(false);
    const SystemClock clock;
    SystemRandom random;
    const cli::Environment environment{std::cout, std::cerr, isatty(STDERR_FILENO) == 1,
                                       clock,     random,    isatty(STDOUT_FILENO) == 1};
    const int exit_code =
        cli::run(environment, argc, arguments.data(),
                 {.up = [&](const auto& options) { return run_up(environment, options); },
                  .api = [&](const auto& options) { return run_api(environment, options); },
                  .publisher = [&](const auto& options) { return run_publisher(environment, options); },
                  .worker = [&](const auto& options) { return run_worker(environment, options); }});
    log::flush();
    return exit_code;
}

}  // namespace ledgerline::app
