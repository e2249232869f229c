// The program as a process: `ledgerline up` on a data directory, and the commands that talk to it.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json.h"
#include "http/client.h"
#include "pg/child_process.h"
#include "pg/connection.h"

namespace ledgerline::test {

inline constexpr milliseconds ready_ms_max{60'000};
inline constexpr milliseconds settled_ms_max{60'000};

// Looks until holds() says so; false when settled_ms_max passes first. For states of other processes that no signal
// announces.
bool eventually(const std::function<bool()>& holds);

// One run of the program. What it prints is read by a thread of its own, so that it never waits for a reader. Killed
// with the object. One thread at a time.
class Program {
public:
    explicit Program(std::vector<std::string> arguments);  // without the program's name
    Program(const Program&) = delete;
    ~Program();

    // The first line that begins so; nothing when the program ends or ready_ms_max passes without one.
    std::optional<std::string> wait_line(std::string_view beginning);
    void signal(int number) { child_.signal(number); }
    // How it ended, as ChildProcess says it: "exit code 0". "still running" when settled_ms_max passes first.
    std::string wait_outcome();
    // Everything it printed so far; after wait_outcome() of an ended program, all of it.
    std::string output();
    pid_t pid() const { return child_.pid(); }

private:
    struct Pipe;
    Program(std::vector<std::string> arguments, const Pipe& pipe);
    void read(int descriptor);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string output_;
    bool closed_ = false;
    pg::ChildProcess child_;
    std::thread reader_;
};

struct Reply {
    int status = 0;  // 0: no answer came
    json::Value body;
    std::string retry_after;  // "" without the header

    std::string text(std::string_view member) const;
    std::int64_t number(std::string_view member) const;  // -1 when there is none
};

// Not thread-safe.
class ApiClient {
public:
    explicit ApiClient(std::uint16_t port, std::string api_key = "");
    Reply get(const std::string& target) { return call("GET", target, ""); }
    Reply post(const std::string& target, const std::string& body) { return call("POST", target, body); }

private:
    Reply call(const std::string& method, const std::string& target, const std::string& body);

    http::Client client_;
    std::vector<http::Header> headers_;
};

// `ledgerline up`, ready when it is made.
class UpProcess {
public:
    // Port 0 takes any free one.
    explicit UpProcess(const std::filesystem::path& data_dir, std::uint16_t port = 0,
                       const std::string& host = "127.0.0.1", const std::vector<std::string>& more = {});

    Program& program() { return program_; }
    std::uint16_t port() const { return port_; }
    std::string url() const;
    // Of its private cluster. idle_in_transaction_timeout is long enough for any test.
    pg::Connection connect() const;
    // The first value of the first row; "" when there is none or the statement fails.
    std::string value(const std::string& sql) const;
    std::int64_t count(const std::string& sql) const;  // -1 when the statement fails
    bool wait_all_applied() const;
    pid_t postmaster_pid() const;  // 0 while there is none
    // kill -9, and waits until it is gone.
    void kill();

private:
    const std::filesystem::path data_dir_;
    Program program_;
    std::uint16_t port_ = 0;
};

std::string run_to_end(const std::vector<std::string>& arguments);
// Expects that `ledgerline verify` on the running cluster finds nothing, and that there are no dead letters.
void expect_clean(const UpProcess& up, const std::filesystem::path& data_dir);
// The processes that work in the cluster's directory.
std::vector<pid_t> postgres_processes(const std::filesystem::path& data_dir);

}  // namespace ledgerline::test
