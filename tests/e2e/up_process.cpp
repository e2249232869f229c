#include "e2e/up_process.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "cluster/private_cluster.h"

namespace ledgerline::test {
namespace {

std::vector<std::string> up_arguments(const std::filesystem::path& data_dir, const std::string& host,
                                      std::uint16_t port, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"up", "--data-dir", data_dir.string(), "--listen",
                                          fmt::format("{}:{}", host, port)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

}  // namespace

UpProcess::UpProcess(const std::filesystem::path& data_dir, std::uint16_t port, const std::string& host,
                     const std::vector<std::string>& more, const Program::Variables& variables)
    : RoleProcess(up_arguments(data_dir, host, port, more), variables), data_dir_(data_dir) {}

db::Connection UpProcess::connect() const {
    const auto url = cluster::database_url(data_dir_);
    LEDGERLINE_ASSERT(url);
    auto connection = db::Connection::open(
        {.url = *url, .application_name = "ledgerline-test", .idle_in_transaction_timeout = settled_ms_max});
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

}  // namespace ledgerline::test
