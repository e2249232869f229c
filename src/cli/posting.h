// What every command that moves money is told besides the movement itself, and how it is sent.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/server.h"

namespace ledgerline::cli {

struct PostingOptions {
    ServerOptions server;
    OutputOptions output;
    std::string key;
    std::string reference;
    json::Value metadata;
    milliseconds wait{10'000};
};

// --key, --reference, --metadata and --wait. does: "moves money".
void declare_posting(Command& command, PostingOptions& options, const std::string& does);

// Adds the options to body, posts it, and prints the answer, as far as it has come when the wait ends. Exit code
// exit_refused if it is FAILED.
Result<int> send_posting(const roles::Environment& environment, const PostingOptions& options, Server& server,
                         const std::string& path, json::Object body);

}  // namespace ledgerline::cli
