#include "faults/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "base/random.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kLook{10};
constexpr milliseconds kKilled{10'000};
constexpr std::size_t kTailBytes = 3000;
// Below the range from which the kernel gives ports to clients, one of which could take a killed server's port.
constexpr std::uint16_t kPortMin = 20'000;
constexpr std::uint64_t kPorts = 12'000;
constexpr int kPortTriesMax = 100;

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

bool wait_until(const std::function<bool()>& holds, milliseconds at_most) {
    const SteadyTime end = SystemClock().steady_now() + at_most;
    while (!holds()) {
        if (SystemClock().steady_now() >= end) return false;
        std::this_thread::sleep_for(kLook);
    }
    return true;
}

std::uint16_t free_port() {
    static SystemRandom random;
    for (int tries = 0; tries < kPortTriesMax; ++tries) {
        const auto port = static_cast<std::uint16_t>(kPortMin + random.below(kPorts));
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        if (bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
            // From now on a server may listen there beside it, and no search for a free port finds it.
            const int yes = 1;
            LEDGERLINE_ASSERT(setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
            return port;
        }
        close(socket);
    }
    LEDGERLINE_ASSERT(false);
}

void note(const std::string& text) {
    static const SteadyTime begun = SystemClock().steady_now();
    const auto now = std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - begun);
    std::cout << fmt::format("[{:7.2f} s] {}", static_cast<double>(now.count()) / 1000, text) << std::endl;
}

Process::Process(std::string name, Command command) : name_(std::move(name)), command_(std::move(command)) {}

Process::~Process() { kill(); }

void Process::start(const std::vector<std::string>& more_environment) {
    LEDGERLINE_ASSERT(!running());
    const int log = open(command_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    LEDGERLINE_ASSERT(log >= 0);
    std::vector<std::string> environment = command_.environment;
    environment.insert(environment.end(), more_environment.begin(), more_environment.end());
    auto child = cluster::ChildProcess::start({.arguments = command_.arguments,
                                               .environment = std::move(environment),
                                               .user = command_.user ? &*command_.user : nullptr,
                                               .output = log,
                                               .death_signal = command_.death_signal});
    close(log);
    if (!child) note(child.error().message);
    LEDGERLINE_ASSERT(child);
    child_ = std::make_unique<cluster::ChildProcess>(*std::move(child));
}

void Process::kill() {
    if (child_) end(SIGKILL, kKilled);
}

std::string Process::end(int number, milliseconds at_most) {
    LEDGERLINE_ASSERT(child_);
    child_->signal(number);
    return child_->wait(at_most) ? child_->outcome() : "still running";
}

void Process::freeze() {
    child_->signal(SIGSTOP);
    LEDGERLINE_ASSERT(wait_until([this] { return frozen(); }));
}

void Process::thaw() { child_->signal(SIGCONT); }

// The state letter of /proc/PID/stat follows the name, which stands in parentheses.
bool Process::frozen() const {
    const std::string stat = read_file(fmt::format("/proc/{}/stat", pid()));
    const std::size_t at = stat.rfind(") ");
    return at != std::string::npos && stat[at + 2] == 'T';
}

bool Process::running() { return child_ && !child_->wait(milliseconds(0)); }

std::string Process::outcome() { return running() || !child_ ? "" : child_->outcome(); }

pid_t Process::pid() const { return child_ ? child_->pid() : 0; }

std::int64_t Process::resident_bytes() const {
    std::ifstream file(fmt::format("/proc/{}/statm", pid()));
    std::int64_t total_pages = 0;
    std::int64_t resident_pages = 0;
    file >> total_pages >> resident_pages;
    return resident_pages * sysconf(_SC_PAGESIZE);
}

std::string Process::log_tail() const {
    const std::string text = read_file(command_.log);
    return text.size() <= kTailBytes ? text : text.substr(text.size() - kTailBytes);
}

bool Process::log_contains(const std::string& text) const { return read_file(command_.log).contains(text); }

}  // namespace ledgerline::test
