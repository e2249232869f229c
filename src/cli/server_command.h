// The common part of all commands that call the API.
#pragma once

#include <functional>
#include <memory>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/server.h"

namespace ledgerline::cli {

// Declares the server's and the output's flags of a command and makes work its action. Options is a
// default-constructible struct with members server and output; the caller declares its remaining flags on the returned
// object.
template <class Options>
std::shared_ptr<Options> declare_server_command(
    Command& command, const roles::Environment& environment,
    std::function<Result<int>(const roles::Environment&, const Options&, Server&)> work,
    Formats formats = Formats::object) {
    auto options = std::make_shared<Options>();
    declare_server_options(command, options->server);
    declare_output_option(command, options->output, formats);
    command.action([&environment, options, work = std::move(work)] {
        auto server = Server::open(options->server);
        if (!server) return report(environment, server.error());
        const Result<int> code = work(environment, *options, *server);
        return code ? *code : report(environment, code.error());
    });
    return options;
}

}  // namespace ledgerline::cli
