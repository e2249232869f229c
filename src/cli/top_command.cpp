#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/server.h"
#include "cli/terminal.h"
#include "cli/top_view.h"
#include "roles/exit_code.h"
#include "roles/signals.h"

namespace ledgerline::cli {
namespace {

constexpr std::size_t kServersMax = 64;
constexpr milliseconds kIntervalMin{100};
constexpr milliseconds kIntervalMax{3'600'000};
constexpr milliseconds kKeysEvery{50};  // looked for

struct Options {
    ServerOptions server;  // url is not used
    OutputOptions output;
    std::vector<std::string> urls;
    milliseconds interval{1000};
    bool once = false;
};

struct Watched {
    std::string url;
    Server server;
};

Result<std::vector<Watched>> open_servers(const Options& options) {
    std::vector<std::string> urls = options.urls;
    if (urls.empty()) urls.emplace_back();  // the profile's
    if (urls.size() > kServersMax)
        return failure(Disposition::refuse, std::string(roles::bad_usage),
                       fmt::format("--url: at most {} times", kServersMax));
    std::vector<Watched> servers;
    for (const std::string& url : urls) {
        ServerOptions each = options.server;
        each.url = url;
        LEDGERLINE_TRY(Server server, Server::open(each));
        servers.push_back({server.url(), std::move(server)});
    }
    return servers;
}

Look::Process look_at(Watched& watched) {
    Look::Process process{.url = watched.url, .stats = {}, .error = ""};
    const auto answer = watched.server.get("/stats", "counters");
    if (!answer)
        process.error = answer.error().message;
    else if (process.stats = Stats::parse(*answer); !process.stats)
        process.error = watched.server.bad_answer("answered with other statistics than this version knows").message;
    return process;
}

Look look(const Clock& clock, std::vector<Watched>& servers) {
    Look all;
    for (Watched& watched : servers) {
        Look::Process process = look_at(watched);
        // Publishers and workers do not have this call.
        if (all.lanes.is_null() && process.stats)
            if (const auto lanes = watched.server.get("/v1/lanes", "lanes")) all.lanes = *lanes->find("lanes");
        all.processes.push_back(std::move(process));
    }
    all.at = clock.steady_now();
    return all;
}

void show(const roles::Environment& environment, const Options& options, const TopView& view) {
    if (options.output.documents()) {
        print_object(environment, options.output, to_json(view));
    } else if (environment.out_is_terminal && !options.once) {
        std::vector<std::string> lines = to_lines(view);
        lines.insert(lines.begin(),
                     {fmt::format("ledgerline top, {}, over {:.1f} s; press q to stop",
                                  format_rfc3339(environment.clock.wall_now()).substr(0, 19), view.seconds),
                      ""});
        environment.out << picture_of(lines, ScreenSize::of_stdout());
    } else {
        for (const std::string& line : to_lines(view)) environment.out << line << '\n';
        if (!options.once) environment.out << '\n';
    }
    environment.out.flush();
}

// Whether somebody wants it to end meanwhile.
bool wait_for_end(milliseconds interval, roles::Interrupts& interrupts, std::optional<Keys>& keys) {
    for (const SteadyTime end = std::chrono::steady_clock::now() + interval; std::chrono::steady_clock::now() < end;) {
        const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
        if (interrupts.wait(keys ? std::min(left, kKeysEvery) : left) || (keys && keys->pressed('q'))) return true;
    }
    return false;
}

// Exit code 0 when at least one server answered the last time.
Result<int> top(const roles::Environment& environment, const Options& options) {
    LEDGERLINE_TRY(std::vector<Watched> servers, open_servers(options));
    roles::Interrupts interrupts;
    std::optional<Keys> keys;
    if (environment.out_is_terminal && !options.once && !options.output.documents()) keys.emplace();
    Look before = look(environment.clock, servers);
    // Also ends when nobody reads the output.
    while (environment.out && !wait_for_end(options.interval, interrupts, keys)) {
        Look after = look(environment.clock, servers);
        show(environment, options, top_view(before, after));
        if (options.once) {
            for (const Look::Process& process : after.processes)
                if (process.stats) return roles::exit_ok;
            return roles::exit_unavailable;
        }
        before = std::move(after);
    }
    // The shell's prompt goes below the last picture.
    if (environment.out_is_terminal && !options.output.documents()) environment.out << '\n';
    return roles::exit_ok;
}

}  // namespace

void declare_top(Command& parent, const roles::Environment& environment) {
    Command command = parent.add("top", "Watch rates, latencies, lanes and dead letters while they change");
    auto options = std::make_shared<Options>();
    options->server.timeout = milliseconds(2000);
    command.option({"--url", "URL",
                    "The address of an API, publisher or worker; may be repeated. Without it the profile's, or "
                    "http://127.0.0.1:8080"},
                   options->urls);
    declare_key_options(command, options->server);
    command.option({"--interval", "TIME", "How often to look", no_variable}, options->interval, kIntervalMin,
                   kIntervalMax);
    command.flag({"--once", "", "Look twice, one interval apart, print the difference and exit", no_variable},
                 options->once);
    declare_output_option(command, options->output);
    command.notes(
        "Rates and latencies cover the time between the last two looks, over all servers. With -o json every look\n"
        "prints one object.\n\n"
        "Examples:\n"
        "  ledgerline top\n"
        "  ledgerline top --url http://127.0.0.1:8080 --url http://127.0.0.1:8082 --url http://127.0.0.1:8081\n"
        "  ledgerline top --once -o json | jq .to_apply");
    command.action([&environment, options] {
        const Result<int> code = top(environment, *options);
        return code ? *code : report(environment, code.error());
    });
}

}  // namespace ledgerline::cli
