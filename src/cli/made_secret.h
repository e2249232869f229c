// What commands do that make something with a secret, which the server shows once.
#pragma once

#include <string>

#include "cli/output.h"
#include "cli/server.h"

namespace ledgerline::cli {

struct SecretRequest {
    std::string path;
    json::Object body;
    std::string operator_name;
    std::string member;  // of the answer: the secret
    std::string flag;    // that names the file, for errors
    std::string file;    // where the secret goes; "": to the terminal with the rest
};

// Posts the body and prints the answer. A file is there before the secret is asked for, because a secret that cannot be
// kept is better not made.
Result<int> print_made(const roles::Environment& environment, const OutputOptions& output, Server& server,
                       SecretRequest request);

}  // namespace ledgerline::cli
