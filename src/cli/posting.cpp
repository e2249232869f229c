#include "cli/posting.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/amounts.h"
#include "cli/field_options.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kWaitMax{30'000};  // of the API

}  // namespace

void declare_posting(Command& command, PostingOptions& options, const std::string& does) {
    declare_key(command, options.key, does);
    command.option({"--reference", "TEXT", "Your own name for it, which need not be unique", no_variable},
                   options.reference);
    declare_metadata(command, options.metadata);
    command.option({"--wait", "TIME", "How long to wait for the outcome; 0: do not wait", no_variable}, options.wait,
                   milliseconds(0), kWaitMax);
}

Result<int> send_posting(const roles::Environment& environment, const PostingOptions& options, Server& server,
                         const std::string& path, json::Object body) {
    const std::string key = key_or_new(environment, options.key);
    body.emplace_back("idempotency_key", key);
    if (!options.reference.empty()) body.emplace_back("reference", options.reference);
    if (!options.metadata.is_null()) body.emplace_back("metadata", options.metadata);
    std::vector<http::Header> headers;
    if (options.wait.count() > 0) {
        headers.emplace_back("Prefer",
                             fmt::format("wait={}", std::chrono::ceil<std::chrono::seconds>(options.wait).count()));
        server.set_timeout(std::max(options.server.timeout, options.wait + options.server.timeout));
    }
    const auto posted = server.send("POST", path, json::Value(std::move(body)), "id", headers);
    if (!posted) return std::unexpected(with_key(posted.error(), "--key", key));
    print_answer(environment, options.output, *posted, server);
    return text_of(*posted, "status") == "FAILED" ? roles::exit_refused : roles::exit_ok;
}

}  // namespace ledgerline::cli
