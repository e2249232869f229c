// failpoint() as fault tests want it: kills or freezes this process as LEDGERLINE_FAILPOINTS says,
//
//   name=action:hit[:marker][;...]     worker.proven=kill:3;intake.locked=stop:1:/tmp/reached
//
// action kill is SIGKILL, stop is SIGSTOP; hit counts from 1 and acts once; marker is a file that is made just before,
// for the test that waits for the moment. A mistake in the text ends the process with a message.
#include "base/failpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <string>
#include <vector>

namespace ledgerline {
namespace {

struct Failpoint {
    std::string name;
    int signal = 0;
    int hit = 0;
    std::string marker;
    std::atomic<int> hits = 0;
};

[[noreturn]] void give_up(std::string_view text) {
    std::fprintf(stderr, "LEDGERLINE_FAILPOINTS: cannot read '%s'\n", std::string(text).c_str());
    std::_Exit(2);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

void parse(std::string_view text, Failpoint& point) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) give_up(text);
    point.name = text.substr(0, equals);
    const auto parts = split(text.substr(equals + 1), ':');
    if (parts.size() < 2 || parts.size() > 3) give_up(text);
    point.signal = parts[0] == "kill" ? SIGKILL : parts[0] == "stop" ? SIGSTOP : 0;
    const auto [end, error] = std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), point.hit);
    if (point.signal == 0 || error != std::errc() || end != parts[1].data() + parts[1].size() || point.hit < 1)
        give_up(text);
    if (parts.size() == 3) point.marker = parts[2];
}

std::list<Failpoint> read_environment() {
    std::list<Failpoint> points;
    const char* text = std::getenv("LEDGERLINE_FAILPOINTS");
    for (const std::string_view part : split(text ? text : "", ';')) parse(part, points.emplace_back());
    return points;
}

}  // namespace

void failpoint(std::string_view name) {
    static std::list<Failpoint> points = read_environment();
    for (Failpoint& point : points) {
        if (point.name != name || ++point.hits != point.hit) continue;
        if (!point.marker.empty()) close(open(point.marker.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        // To this thread: a signal to the process stops another thread first, and this one would run on for a while.
        raise(point.signal);
    }
}

}  // namespace ledgerline
