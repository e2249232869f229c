// For tests: the command line, run within the process.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {

struct Outcome {
    int code;
    std::string out, err;
};

inline Outcome call(std::vector<const char*> arguments, const RoleCommands& roles = {}) {
    std::ostringstream out, err;
    const SystemClock clock;
    SeededRandom random(1);
    arguments.insert(arguments.begin(), "ledgerline");
    const roles::Environment environment{out, err, false, clock, random};
    const int code = run(environment, static_cast<int>(arguments.size()), arguments.data(), roles);
    return {code, out.str(), err.str()};
}

inline std::string complaint(std::vector<const char*> arguments) {
    const Outcome outcome = call(std::move(arguments));
    EXPECT_EQ(outcome.code, roles::exit_usage);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    return outcome.err;
}

struct Variable {
    Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
    ~Variable() { unsetenv(name_); }
    const char* name_;
};

}  // namespace ledgerline::cli
