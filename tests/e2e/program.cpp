#include "e2e/program.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <fstream>

#include "cluster/private_cluster.h"

namespace ledgerline::test {
namespace {

constexpr std::string_view kReady = "ledgerline is ready: ";

Process::Command program_command(std::vector<std::string> arguments, Program::Variables variables,
                                 const std::vector<std::string>& launcher, Process::Output output) {
    arguments.insert(arguments.begin(), LEDGERLINE_PROGRAM);
    arguments.insert(arguments.begin(), launcher.begin(), launcher.end());
    variables.push_back("PATH=/usr/bin:/bin");
    return {.arguments = std::move(arguments), .environment = std::move(variables), .output = output};
}

std::vector<std::string> up_arguments(const std::filesystem::path& data_dir, const std::string& host,
                                      std::uint16_t port, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"up", "--data-dir", data_dir.string(), "--listen",
                                          fmt::format("{}:{}", host, port)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

}  // namespace

Program::Program(std::vector<std::string> arguments, const Variables& variables,
                 const std::vector<std::string>& launcher, Output output)
    : Process("ledgerline", program_command(std::move(arguments), variables, launcher, output)) {
    start();
}

Program::~Program() {
    if (testing::Test::HasFailure()) note(fmt::format("{} had printed at the end:\n{}", name(), tail()));
}

std::size_t occurrences(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

std::string run_to_end(const std::vector<std::string>& arguments) {
    Program program(arguments);
    const std::string outcome = program.wait_outcome();
    return outcome == "exit code 0" ? outcome : outcome + ": " + program.output();
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

UpProcess::UpProcess(const std::filesystem::path& data_dir, std::uint16_t port, const std::string& host,
                     const std::vector<std::string>& more, const Program::Variables& variables)
    : RoleProcess(up_arguments(data_dir, host, port, more), variables), data_dir_(data_dir) {}

db::Connection UpProcess::connect() const {
    const auto url = cluster::database_url(data_dir_);
    LEDGERLINE_ASSERT(url);
    const db::ConnectionConfig config{
        .url = *url, .application_name = "ledgerline-test", .idle_in_transaction_timeout = patience};
    // A server whose postmaster was killed comes back by itself.
    auto connection = db::Connection::open(config);
    eventually([&] { return connection || (connection = db::Connection::open(config)); });
    LEDGERLINE_ASSERT(connection);
    return *std::move(connection);
}

std::string UpProcess::value(const std::string& sql) const {
    db::Connection connection = connect();
    return first_value(connection, sql);
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

std::string first_value(db::Connection& connection, const std::string& sql) {
    const auto rows = connection.query({"test_value", sql});
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && !rows->empty() ? std::string(rows->text(0, 0)) : "";
}

}  // namespace ledgerline::test
