// The program as its users start it: a command, a role, or `up` with everything.
//
//     const TestDatabase database;
//     RoleProcess api(role_arguments("api", database.url()));
//     EXPECT_EQ(ApiClient(api.port()).get("/readyz").status, 200);
//     EXPECT_EQ(api.stop(), "exit code 0") << api.program().output();
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "db/connection.h"
#include "lab/api_client.h"
#include "lab/process.h"

namespace ledgerline::test {

// One run of the program, started.
class Program : public Process {
public:
    using Variables = std::vector<std::string>;  // NAME=value
    // arguments: without the program's name. Its environment is these variables and the path. launcher: another
    // program, by its path, and its arguments, which starts ours in its place.
    explicit Program(std::vector<std::string> arguments, const Variables& variables = {},
                     const std::vector<std::string>& launcher = {}, Output output = Output::kept);
    ~Program();  // prints the end of its output if the test has failed
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
};

// How often the part stands in the text.
std::size_t occurrences(std::string_view text, std::string_view part);

// "exit code 0", or how else the command ended and what it printed.
std::string run_to_end(const std::vector<std::string>& arguments);

// Nobody listens there.
inline constexpr const char* no_broker = "127.0.0.1:1";
// Runs that role without a broker, on a free port of the loopback address unless more says where.
std::vector<std::string> role_arguments(const std::string& role, const std::string& database_url,
                                        const std::vector<std::string>& more = {});

// A command that runs a role.
class RoleProcess {
public:
    // Ready when it is made: it has printed its URL.
    explicit RoleProcess(std::vector<std::string> arguments, const Program::Variables& variables = {},
                         const std::vector<std::string>& launcher = {});

    Program& program() { return program_; }
    std::uint16_t port() const { return port_; }
    std::string url() const;
    // kill -9, and waits until it is gone.
    void kill();
    // SIGTERM, and waits. How it ended: "exit code 0".
    std::string stop();

private:
    Program program_;
    std::uint16_t port_ = 0;
};

// `ledgerline up` on a data directory of its own. Ready when it is made.
class UpProcess : public RoleProcess {
public:
    // Port 0 takes any free one.
    explicit UpProcess(const std::filesystem::path& data_dir, std::uint16_t port = 0,
                       const std::string& host = "127.0.0.1", const std::vector<std::string>& more = {},
                       const Program::Variables& variables = {});

    // To its private cluster. idle_in_transaction_timeout is long enough for any test.
    db::Connection connect() const;
    // The first value of the first row; "" if there is none or the statement fails.
    std::string value(const std::string& sql) const;
    std::int64_t count(const std::string& sql) const;  // -1 if the statement fails
    bool wait_all_applied() const;
    pid_t postmaster_pid() const;  // 0 while there is none

private:
    const std::filesystem::path data_dir_;
};

// Expects that `ledgerline verify` on the running cluster finds nothing, and that there are no dead letters.
void expect_clean(const UpProcess& up, const std::filesystem::path& data_dir);
// The processes that work in the cluster's directory.
std::vector<pid_t> postgres_processes(const std::filesystem::path& data_dir);
// The first value of the first row; "" if there is none. Fails the test if the statement fails.
std::string first_value(db::Connection& connection, const std::string& sql);

}  // namespace ledgerline::test
