#include "e2e/up_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <fstream>

#include "base/wakeup.h"
#include "pg/private_cluster.h"

namespace ledgerline::test {
namespace {

constexpr std::string_view kReady = "ledgerline is ready: ";
constexpr milliseconds kLook{10};
constexpr milliseconds kCall{30'000};
constexpr milliseconds kKilled{10'000};

pg::ChildProcess start_program(std::vector<std::string> arguments, int output) {
    arguments.insert(arguments.begin(), LEDGERLINE_PROGRAM);
    auto child = pg::ChildProcess::start({.arguments = std::move(arguments),
                                          .environment = {"PATH=/usr/bin:/bin"},
                                          .output = output,
                                          .death_signal = SIGKILL});
    LEDGERLINE_ASSERT(child);
    return *std::move(child);
}

std::vector<std::string> up_arguments(const std::filesystem::path& data_dir, const std::string& host,
                                      std::uint16_t port, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"up", "--data-dir", data_dir.string(), "--listen",
                                          fmt::format("{}:{}", host, port)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
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

Program::Program(std::vector<std::string> arguments) : Program(std::move(arguments), Pipe()) {}

Program::Program(std::vector<std::string> arguments, const Pipe& pipe)
    : child_(start_program(std::move(arguments), pipe.ends[1])) {
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

UpProcess::UpProcess(const std::filesystem::path& data_dir, std::uint16_t port, const std::string& host,
                     const std::vector<std::string>& more)
    : data_dir_(data_dir), program_(up_arguments(data_dir, host, port, more)) {
    const auto line = program_.wait_line(kReady);
    if (!line) {
        ADD_FAILURE() << "not ready: " << program_.output();
        return;
    }
    const std::size_t at = line->rfind(':') + 1;
    std::from_chars(line->data() + at, line->data() + line->size(), port_);
}

std::string UpProcess::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

pg::Connection UpProcess::connect() const {
    const auto url = pg::database_url(data_dir_);
    LEDGERLINE_ASSERT(url);
    auto connection = pg::Connection::open(
        {.url = *url, .application_name = "ledgerline-test", .idle_in_transaction_timeout = settled_ms_max});
    LEDGERLINE_ASSERT(connection);
    return *std::move(connection);
}

std::string UpProcess::value(const std::string& sql) const {
    pg::Connection connection = connect();
    const auto rows = connection.query({"test_value", sql});
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && !rows->empty() ? std::string(rows->text(0, 0)) : "";
}

std::int64_t UpProcess::count(const std::string& sql) const {
    const std::string text = value(sql);
    return text.empty() ? -1 : std::stoll(text);
}

bool UpProcess::wait_all_applied() const {
    return eventually([this] { return count("SELECT count(*) FROM lane_cursors WHERE applied_seq < last_seq") == 0; });
}

pid_t UpProcess::postmaster_pid() const {
    std::ifstream file(data_dir_ / "postgres" / "postmaster.pid");
    pid_t pid = 0;
    return file >> pid ? pid : 0;
}

void UpProcess::kill() {
    program_.signal(SIGKILL);
    EXPECT_EQ(program_.wait_outcome(), "signal 9 (Killed)") << program_.output();
}

std::string run_to_end(const std::vector<std::string>& arguments) {
    Program program(arguments);
    const std::string outcome = program.wait_outcome();
    return outcome == "exit code 0" ? outcome : outcome + ": " + program.output();
}

void expect_clean(const UpProcess& up, const std::filesystem::path& data_dir) {
    EXPECT_EQ(run_to_end({"verify", "--data-dir", data_dir.string()}), "exit code 0");
    EXPECT_EQ(up.value("SELECT count(*) FROM dead_letters"), "0");
}

std::vector<pid_t> postgres_processes(const std::filesystem::path& data_dir) {
    std::vector<pid_t> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (std::filesystem::read_symlink(entry.path() / "cwd", ignored) == data_dir / "postgres")
            found.push_back(static_cast<pid_t>(std::stol(name)));
    }
    return found;
}

}  // namespace ledgerline::test
