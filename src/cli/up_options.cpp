#include "cli/up_options.h"

#include <charconv>

#include "cli/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kThreadsMax = 64;
constexpr std::int64_t kConnectionsMax = 100'000;
constexpr std::int64_t kAttemptsMax = 100;
constexpr milliseconds kTimeoutMax = std::chrono::hours(1);

std::unexpected<Error> bad_listen(const std::string& text) {
    return failure(Disposition::refuse, std::string(bad_usage),
                   "--listen must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, not '" + text + "'");
}

// The brackets of an IPv6 address are left out of the host.
Result<void> parse_listen(const std::string& text, UpOptions& options) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return bad_listen(text);
    std::string host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host.contains(':') != bracketed) return bad_listen(text);

    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, options.port);
    if (parsed.ec != std::errc() || parsed.ptr != end) return bad_listen(text);
    options.host = std::move(host);
    return {};
}

log::Level level_of(const std::string& name) {
    if (name == "debug") return log::Level::debug;
    if (name == "warn") return log::Level::warn;
    if (name == "error") return log::Level::error;
    return log::Level::info;
}

log::Format format_of(const std::string& name) {
    if (name == "json") return log::Format::json;
    return name == "plain" ? log::Format::plain : log::default_format();
}

}  // namespace

void declare_up_options(Command& command, UpTexts& texts) {
    command.option({"--data-dir", "DIR", "Where it keeps its data; made when it is missing"}, texts.data_dir);
    command.option({"--listen", "HOST:PORT", "Address of the HTTP API; port 0 takes any free one"}, texts.listen);
    command.option({"--database-url", "URL", "Database to use instead of a private cluster under the data directory",
                    "DATABASE_URL"},
                   texts.database_url);
    command.option({"--api-keys-file", "FILE", "File with the API keys, one a line; without it the API is open"},
                   texts.api_keys_file);
    command.flag({"--allow-open", "", "Serve without API keys on an address that other machines can reach"},
                 texts.allow_open);
    command.option({"--http-threads", "N", "Threads that serve HTTP"}, texts.http_threads, 1, kThreadsMax);
    command.option({"--worker-threads", "N", "Threads that apply events, each with a database session"},
                   texts.worker_threads, 1, kThreadsMax);
    command.option({"--connections-max", "N", "HTTP connections at once; beyond that they are turned away"},
                   texts.connections_max, 1, kConnectionsMax);
    command.option({"--unknown-attempts-max", "N",
                    "How often an event that fails for an unknown reason is tried before it is dead-lettered"},
                   texts.unknown_attempts_max, 1, kAttemptsMax);
    command.option({"--startup-timeout", "TIME", "How long the database may take to answer for the first time"},
                   texts.startup_timeout, milliseconds(1000), kTimeoutMax);
    command.option({"--drain-timeout", "TIME", "How long requests and batches under way may take at shutdown"},
                   texts.drain_timeout, milliseconds(0), kTimeoutMax);
    command.choice({"--log-level", "", "The least severe messages to log"}, texts.log_level,
                   {"debug", "info", "warn", "error"});
    command.choice({"--log-format", "", "auto: plain on a terminal, JSON otherwise"}, texts.log_format,
                   {"auto", "json", "plain"});
    command.notes(
        "Prints one line with the URL when it is ready. SIGTERM and SIGINT drain it and end it with exit code 0.\n\n"
        "Examples:\n"
        "  ledgerline up --data-dir ./data --listen 127.0.0.1:8080\n"
        "  DATABASE_URL=postgresql://ledgerline@db/ledgerline ledgerline up --listen 0.0.0.0:8080 \\\n"
        "      --api-keys-file /etc/ledgerline/keys");
}

Result<UpOptions> up_options_of(const UpTexts& texts) {
    UpOptions options;
    LEDGERLINE_CHECK(parse_listen(texts.listen, options));
    options.data_dir = texts.data_dir;
    options.database_url = texts.database_url;
    options.api_keys_file = texts.api_keys_file;
    options.allow_open = texts.allow_open;
    options.http_threads = static_cast<unsigned>(texts.http_threads);
    options.worker_threads = static_cast<unsigned>(texts.worker_threads);
    options.connections_max = static_cast<unsigned>(texts.connections_max);
    options.unknown_attempts_max = static_cast<int>(texts.unknown_attempts_max);
    options.startup_timeout = texts.startup_timeout;
    options.drain_timeout = texts.drain_timeout;
    options.log_level = level_of(texts.log_level);
    options.log_format = format_of(texts.log_format);
    return options;
}

}  // namespace ledgerline::cli
