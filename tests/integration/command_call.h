// The command line, run in the test's process against the server of the test.
#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "cli/cli.h"
#include "lab/api_client.h"
#include "roles/environment.h"

namespace ledgerline::cli {

struct CommandOutcome {
    int code = 0;
    std::string out, err;

    // The member of the first JSON document in out; a text that begins with "no JSON" when there is none.
    std::string at(std::string_view path) const {
        const auto body = json::parse(out.substr(0, out.find('\n')));
        return body ? test::Answer{code, {}, *body}.at(path) : "no JSON: " + out + err;
    }
    std::ptrdiff_t lines() const { return std::count(out.begin(), out.end(), '\n'); }
};

// arguments: those after the program's name.
inline CommandOutcome call_command(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv = {"ledgerline"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    std::ostringstream out, err;
    const SystemClock clock;
    SystemRandom random;
    const roles::Environment environment{out, err, false, clock, random};
    const int code = run(environment, static_cast<int>(argv.size()), argv.data(), {});
    return {code, out.str(), err.str()};
}

}  // namespace ledgerline::cli
