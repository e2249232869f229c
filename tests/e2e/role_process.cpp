#include "e2e/role_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>

#include "base/wakeup.h"

namespace ledgerline::test {
namespace {

constexpr std::string_view kReady = "ledgerline is ready: ";
constexpr milliseconds kLook{10};
constexpr milliseconds kCall{30'000};
constexpr milliseconds kKilled{10'000};

cluster::ChildProcess start_program(std::vector<std::string> arguments, std::vector<std::string> variables,
                                    const std::vector<std::string>& launcher, int output) {
    arguments.insert(arguments.begin(), LEDGERLINE_PROGRAM);
    arguments.insert(arguments.begin(), launcher.begin(), launcher.end());
    variables.push_back("PATH=/usr/bin:/bin");
    auto child = cluster::ChildProcess::start({.arguments = std::move(arguments),
                                               .environment = std::move(variables),
                                               .output = output,
                                               .death_signal = SIGKILL});
    LEDGERLINE_ASSERT(child);
    return *std::move(child);
}

}  // namespace

bool eventually(const std::function<bool()>& holds) {
    const SteadyTime end = SystemClock().steady_now() + settled_ms_max;
    while (!holds()) {
        if (SystemClock().steady_now() >= end) return false;
        Wakeup().wait(kLook);
    }
    return true;
}

// Both ends; the program's end is closed here once the program has it.
struct Program::Pipe {
    Pipe() { LEDGERLINE_ASSERT(pipe2(ends.data(), O_CLOEXEC) == 0); }
    std::array<int, 2> ends{};
};

Program::Program(std::vector<std::string> arguments, const Variables& variables,
                 const std::vector<std::string>& launcher)
    : Program(std::move(arguments), variables, launcher, Pipe()) {}

Program::Program(std::vector<std::string> arguments, const Variables& variables,
                 const std::vector<std::string>& launcher, const Pipe& pipe)
    : child_(start_program(std::move(arguments), variables, launcher, pipe.ends[1])) {
    close(pipe.ends[1]);
    reader_ = std::thread([this, descriptor = pipe.ends[0]] { read(descriptor); });
}

Program::~Program() {
    child_.signal(SIGKILL);
    child_.wait(kKilled);
    reader_.join();
}

void Program::read(int descriptor) {
    std::array<char, 4096> buffer;
    ssize_t bytes = 0;
    while ((bytes = ::read(descriptor, buffer.data(), buffer.size())) > 0) {
        const std::scoped_lock lock(mutex_);
        output_.append(buffer.data(), static_cast<std::size_t>(bytes));
        changed_.notify_all();
    }
    close(descriptor);
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

std::optional<std::string> Program::wait_line(std::string_view beginning) {
    std::unique_lock lock(mutex_);
    std::optional<std::string> line;
    const auto find = [&] {
        for (std::size_t at = 0, end = 0; (end = output_.find('\n', at)) != std::string::npos; at = end + 1)
            if (output_.substr(at, end - at).starts_with(beginning)) line = output_.substr(at, end - at);
        return line || closed_;
    };
    changed_.wait_for(lock, ready_ms_max, find);
    return line;
}

std::string Program::wait_outcome() {
    if (!child_.wait(settled_ms_max)) return "still running";
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, settled_ms_max, [this] { return closed_; });
    return child_.outcome();
}

std::string Program::output() {
    const std::scoped_lock lock(mutex_);
    return output_;
}

std::string Reply::text(std::string_view member) const {
    const json::Value* value = body.find(member);
    return value && value->if_string() ? *value->if_string() : "";
}

std::int64_t Reply::number(std::string_view member) const {
    const json::Value* value = body.find(member);
    return value ? value->if_int64().value_or(-1) : -1;
}

ApiClient::ApiClient(std::uint16_t port, std::string api_key)
    : client_({.host = "127.0.0.1", .port = port, .prefix = ""}) {
    if (!api_key.empty()) headers_ = {{"Authorization", "Bearer " + api_key}};
}

Reply ApiClient::call(const std::string& method, const std::string& target, const std::string& body) {
    const auto response = client_.send({.method = method, .target = target, .headers = headers_, .body = body}, kCall);
    if (!response) return {};
    const std::string* retry_after = response->header("retry-after");
    auto parsed = json::parse(response->body);
    return {response->status, parsed ? *std::move(parsed) : json::Value(), retry_after ? *retry_after : ""};
}

std::vector<std::string> role_arguments(const std::string& role, const std::string& database_url,
                                        const std::vector<std::string>& more) {
    std::vector<std::string> all{role, "--database-url", database_url, "--kafka-brokers", no_broker};
    if (std::ranges::find(more, "--listen") == more.end()) all.insert(all.end(), {"--listen", "127.0.0.1:0"});
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

RoleProcess::RoleProcess(std::vector<std::string> arguments, const Program::Variables& variables,
                         const std::vector<std::string>& launcher)
    : program_(std::move(arguments), variables, launcher) {
    const auto line = program_.wait_line(kReady);
    if (!line) {
        ADD_FAILURE() << "not ready: " << program_.output();
        return;
    }
    const std::size_t at = line->rfind(':') + 1;
    std::from_chars(line->data() + at, line->data() + line->size(), port_);
}

std::string RoleProcess::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

void RoleProcess::kill() {
    program_.signal(SIGKILL);
    EXPECT_EQ(program_.wait_outcome(), "signal 9 (Killed)") << program_.output();
}

std::string RoleProcess::stop() {
    program_.signal(SIGTERM);
    return program_.wait_outcome();
}

std::string first_value(db::Connection& connection, const std::string& sql) {
    const auto rows = connection.query({"test_value", sql});
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && !rows->empty() ? std::string(rows->text(0, 0)) : "";
}

bool logs(Program& program, const std::string& text) {
    return eventually([&] { return program.output().find(text) != std::string::npos; });
}

std::string run_to_end(const std::vector<std::string>& arguments) {
    Program program(arguments);
    const std::string outcome = program.wait_outcome();
    return outcome == "exit code 0" ? outcome : outcome + ": " + program.output();
}

}  // namespace ledgerline::test
