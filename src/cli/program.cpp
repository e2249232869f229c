#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/last_words.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/secrets.h"
#include "observe/log.h"
#include "observe/standard_streams.h"
#include "roles/descriptor_output.h"
#include "roles/roles.h"

namespace ledgerline::cli {
namespace {

constexpr std::string_view kRoles[] = {"up", "api", "publisher", "worker", "notifier"};

// Replaces the library's handler, which may block on stderr.
[[noreturn]] void end_by_exception() {
    std::string reason = "no exception";
    try {
        if (const auto exception = std::current_exception()) std::rethrow_exception(exception);
    } catch (const std::exception& exception) {
        reason = exception.what();
    } catch (...) {
        reason = "unknown exception";
    }
    say_last_words("bug in ledgerline: terminating on an exception: " + reason);
    std::abort();
}

// A core would hold keys, passwords and what clients sent, where nobody expects them. Where the kernel pipes cores to a
// program it does not ask for the size limit, so no memory goes into one either (proc(5), coredump_filter).
void leave_no_core() {
    constexpr rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    std::ofstream("/proc/self/coredump_filter") << 0;
}

}  // namespace

int run_program(int argc, char** argv) {
    const std::span<char*> given(argv, static_cast<std::size_t>(argc));
    const std::vector<std::string> copies(given.begin(), given.end());
    hide_secrets(given);
    leave_no_core();
    // Before /dev/null takes the place of stdout: it must see whether stdout is closed.
    roles::DescriptorOutput out_buffer(STDOUT_FILENO);
    std::ostream out(&out_buffer);
    keep_standard_streams_open();
    std::set_terminate(end_by_exception);
    // If the reader has gone, a write fails, and the caller decides whether to report it.
    std::signal(SIGPIPE, SIG_IGN);
    // A role reports a usage error if it can, and otherwise ends silently. Flags may stand before its name.
    if (std::ranges::find_first_of(copies, kRoles) != copies.end()) never_wait_for(STDERR_FILENO);
    std::vector<const char*> arguments;
    for (const std::string& copy : copies) arguments.push_back(copy.c_str());

    std::ios::sync_with_stdio(false);
    const SystemClock clock;
    SystemRandom random;
    const bool err_is_terminal = isatty(STDERR_FILENO) == 1;
    const bool can_ask = isatty(STDIN_FILENO) == 1 && err_is_terminal;
    const roles::Environment environment{.out = out,
                                         .err = std::cerr,
                                         .err_is_terminal = err_is_terminal,
                                         .clock = clock,
                                         .random = random,
                                         .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                                         .out_buffer = &out_buffer,
                                         .terminal = can_ask ? &std::cin : nullptr};
    const int exit_code =
        run(environment, argc, arguments.data(),
            {.up = [&](const auto& options) { return roles::run_up(environment, options); },
             .api = [&](const auto& options) { return roles::run_api(environment, options); },
             .publisher = [&](const auto& options) { return roles::run_publisher(environment, options); },
             .worker = [&](const auto& options) { return roles::run_worker(environment, options); },
             .notifier = [&](const auto& options) { return roles::run_notifier(environment, options); }});
    log::flush();
    return exit_code;
}

}  // namespace ledgerline::cli
