// ledgerline_bench: sends transactions to a running server and prints what came of it, one JSON object a line on
// stdout:
// {"event":"begin"} and {"event":"end"} around the measurement, then the result.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "base/json_object.h"
#include "bench/load.h"

namespace ledgerline::bench {
namespace {

struct Options {
    LoadConfig load;
    std::string accounts_file;
    double warm_up_seconds = 2, seconds = 10;
    bool hot = false;
};

void declare(CLI::App& app, Options& options) {
    LoadConfig& load = options.load;
    app.add_option("--port", load.port, "Port of the server on the loopback address")->required();
    app.add_option("--accounts", options.accounts_file, "File with the ids of accounts, one a line")->required();
    app.add_option("--currency", load.shape.currency, "Currency of those accounts")->default_val("EUR");
    app.add_option("--key-prefix", load.shape.key_prefix, "Begins all idempotency keys; used once in a database")
        ->required();
    app.add_option("--seed", load.seed, "Chooses accounts and amounts")->default_val(1);
    app.add_option("--connections", load.connections, "How many at the same time")
        ->default_val(16)
        ->check(CLI::Range(1, 16384));
    app.add_option("--batch", load.shape.batch_size, "Transactions a call; 0: single calls")
        ->check(CLI::Range(0, 1000));
    app.add_flag("--transfers", load.shape.transfers, "Transfers from one account to another");
    app.add_option("--rate", load.per_second, "Calls a second, sent when due (open loop); 0: when answered");
    app.add_option("--prefer-wait", load.shape.prefer_wait_seconds, "Wait for outcomes up to so many seconds");
    app.add_option("--warm-up", options.warm_up_seconds, "Seconds before the measurement");
    app.add_option("--seconds", options.seconds, "Seconds of the measurement")->check(CLI::PositiveNumber);
    app.add_option("--requests", load.requests_max, "Ends the measurement after so many calls; 0: no limit");
    app.add_flag("--hot", options.hot, "Only the first account");
}

milliseconds in_milliseconds(double seconds) { return milliseconds(static_cast<std::int64_t>(seconds * 1000)); }

Result<std::vector<std::string>> read_accounts(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> accounts;
    for (std::string line; std::getline(file, line);) {
        if (line.size() != RequestText::account_characters)
            return failure(Disposition::refuse, "malformed_account", fmt::format("{}: not a UUID: {}", path, line));
        accounts.push_back(std::move(line));
    }
    if (accounts.empty()) return failure(Disposition::refuse, "no_accounts", path + ": no accounts");
    return accounts;
}

std::string in_ms(nanoseconds time) { return fmt::format("{:.3f}", static_cast<double>(time.count()) / 1e6); }

std::string latencies_text(const Histogram& latencies) {
    std::string text;
    JsonObject object(text);
    object.add("count", static_cast<std::int64_t>(latencies.count()));
    for (const auto& [name, q] : {std::pair("p50", 0.5), {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}})
        object.add_raw(name, in_ms(latencies.quantile(q)));
    object.add_raw("max", in_ms(latencies.max()));
    object.close();
    return text;
}

std::string statuses_text(const Tally& tally) {
    std::string text;
    JsonObject object(text);
    for (const auto& [status, count] : tally.statuses)
        object.add(std::to_string(status), static_cast<std::int64_t>(count));
    object.close();
    return text;
}

std::string result_text(const Tally& tally) {
    std::string text;
    JsonObject object(text);
    object.add("event", "result")
        .add_raw("seconds", fmt::format("{:.3f}", tally.seconds))
        .add_raw("latency_ms", latencies_text(tally.latencies))
        .add("accepted", static_cast<std::int64_t>(tally.accepted))
        .add("refused", static_cast<std::int64_t>(tally.refused))
        .add("unsettled", static_cast<std::int64_t>(tally.unsettled))
        .add("unknown", static_cast<std::int64_t>(tally.unknown))
        .add_raw("statuses", statuses_text(tally))
        .add("broken", static_cast<std::int64_t>(tally.broken))
        .add("unsent", static_cast<std::int64_t>(tally.unsent))
        .add_raw("user_cpu_seconds", fmt::format("{:.3f}", tally.user_cpu_seconds))
        .add_raw("system_cpu_seconds", fmt::format("{:.3f}", tally.system_cpu_seconds))
        .close();
    return text;
}

void print_line(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

Result<void> run(Options& options) {
    LoadConfig& load = options.load;
    LEDGERLINE_TRY(load.shape.accounts, read_accounts(options.accounts_file));
    if (options.hot) load.shape.accounts.resize(1);
    if (load.shape.transfers && load.shape.accounts.size() < 2)
        return failure(Disposition::refuse, "no_accounts", "--transfers needs two accounts at least");
    load.shape.host = fmt::format("127.0.0.1:{}", load.port);
    load.warm_up = in_milliseconds(options.warm_up_seconds);
    load.duration = in_milliseconds(options.seconds);
    LEDGERLINE_TRY(const Tally tally, Load::run(load, {.begun = [] { print_line(R"({"event":"begin"})"); },
                                                       .ended = [] { print_line(R"({"event":"end"})"); }}));
    print_line(result_text(tally));
    return {};
}

}  // namespace
}  // namespace ledgerline::bench

int main(int argc, char** argv) {
    CLI::App app("Sends transactions to a running Ledgerline and measures the answers", "ledgerline_bench");
    ledgerline::bench::Options options;
    declare(app, options);
    CLI11_PARSE(app, argc, argv);
    const auto done = ledgerline::bench::run(options);
    if (!done) fmt::print(stderr, "ledgerline_bench: {}\n", done.error().message);
    return done ? 0 : 1;
}
