#include "lab/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

namespace ledgerline::test {
namespace {

constexpr milliseconds kKilled{10'000};
constexpr std::size_t kTailBytes = 3000;

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void fill(int pipe) {
    fcntl(pipe, F_SETFL, O_NONBLOCK);
    while (write(pipe, "x", 1) == 1) {
    }
    fcntl(pipe, F_SETFL, 0);
}

}  // namespace

void note(const std::string& text) {
    static const SteadyTime begun = SystemClock().steady_now();
    const auto now = std::chrono::duration_cast<milliseconds>(SystemClock().steady_now() - begun);
    std::cout << fmt::format("[{:7.2f} s] {}", static_cast<double>(now.count()) / 1000, text) << std::endl;
}

Process::Process(std::string name, Command command) : name_(std::move(name)), command_(std::move(command)) {}

Process::~Process() {
    kill();
    join_reader();
}

void Process::start(const std::vector<std::string>& more_environment) {
    LEDGERLINE_ASSERT(!running());
    join_reader();
    const int output = open_output();
    std::vector<std::string> environment = command_.environment;
    environment.insert(environment.end(), more_environment.begin(), more_environment.end());
    child_ = std::make_unique<cluster::ChildProcess>(
        must(name_, cluster::ChildProcess::start({.arguments = command_.arguments,
                                                  .environment = std::move(environment),
                                                  .user = command_.user ? &*command_.user : nullptr,
                                                  .output = output,
                                                  .death_signal = command_.death_signal})));
    close(output);
    if (unread_ >= 0 && command_.output == Output::kept) read_on();
}

// The program's end; ours becomes unread_.
int Process::open_output() {
    if (!command_.log.empty()) {
        const int log = open(command_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        LEDGERLINE_ASSERT(log >= 0);
        return log;
    }
    std::array<int, 2> ends{};
    LEDGERLINE_ASSERT(pipe2(ends.data(), O_CLOEXEC) == 0);
    if (command_.output == Output::stalled) fill(ends[1]);
    unread_ = ends[0];
    closed_ = false;
    return ends[1];
}

void Process::read_on() {
    LEDGERLINE_ASSERT(unread_ >= 0);
    reader_ = std::thread([this, descriptor = std::exchange(unread_, -1)] { read(descriptor); });
}

void Process::read(int descriptor) {
    std::array<char, 4096> buffer;
    ssize_t bytes = 0;
    while ((bytes = ::read(descriptor, buffer.data(), buffer.size())) > 0) {
        const std::scoped_lock lock(mutex_);
        kept_.append(buffer.data(), static_cast<std::size_t>(bytes));
        changed_.notify_all();
    }
    close(descriptor);
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

void Process::join_reader() {
    if (reader_.joinable()) reader_.join();
    if (unread_ >= 0) close(std::exchange(unread_, -1));
}

void Process::signal(int number) {
    LEDGERLINE_ASSERT(child_);
    child_->signal(number);
}

void Process::kill() {
    if (child_) end(SIGKILL, kKilled);
}

std::string Process::wait_outcome(milliseconds at_most) {
    LEDGERLINE_ASSERT(child_);
    if (!child_->wait(at_most)) return "still running";
    if (reader_.joinable()) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, at_most, [this] { return closed_; });
    }
    return child_->outcome();
}

std::string Process::end(int number, milliseconds at_most) {
    if (number != 0) signal(number);
    return wait_outcome(at_most);
}

void Process::freeze() {
    signal(SIGSTOP);
    LEDGERLINE_ASSERT(eventually([this] { return frozen(); }));
}

void Process::thaw() { signal(SIGCONT); }

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

std::string Process::output() const {
    if (!command_.log.empty()) return read_file(command_.log);
    const std::scoped_lock lock(mutex_);
    return kept_;
}

std::string Process::tail() const {
    const std::string text = output();
    return text.size() <= kTailBytes ? text : text.substr(text.size() - kTailBytes);
}

bool Process::prints(const std::string& text) const {
    return eventually([&] { return output().contains(text); });
}

std::optional<std::string> Process::wait_line(std::string_view beginning) {
    LEDGERLINE_ASSERT(reader_.joinable());
    std::unique_lock lock(mutex_);
    std::optional<std::string> line;
    const auto find = [&] {
        for (std::size_t at = 0, end = 0; !line && (end = kept_.find('\n', at)) != std::string::npos; at = end + 1)
            if (std::string_view(kept_).substr(at, end - at).starts_with(beginning)) line = kept_.substr(at, end - at);
        return line || closed_;
    };
    changed_.wait_for(lock, patience, find);
    return line;
}

}  // namespace ledgerline::test
