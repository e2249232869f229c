// The program as a process: any role of it, and the commands that talk to it.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/json.h"
#include "cluster/child_process.h"
#include "db/connection.h"
#include "http/client.h"

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
    using Variables = std::vector<std::string>;  // NAME=value
    // arguments: without the program's name. Of this process's environment it gets nothing but the path. launcher: a
    // program, by its path, and its arguments, which starts ours in its place.
    explicit Program(std::vector<std::string> arguments, const Variables& variables = {},
                     const std::vector<std::string>& launcher = {});
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
    Program(std::vector<std::string> arguments, const Variables& variables, const std::vector<std::string>& launcher,
            const Pipe& pipe);
    void read(int descriptor);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string output_;
    bool closed_ = false;
    cluster::ChildProcess child_;
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

// Nobody listens there.
inline constexpr const char* no_broker = "127.0.0.1:1";
// What runs that role with no broker to be found, and on a free port of the loopback address unless more says where.
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

// The first value of the first row; "" when there is none or the statement fails.
std::string first_value(db::Connection& connection, const std::string& sql);

// Whether the program writes the text, sooner or later.
bool logs(Program& program, const std::string& text);

std::string run_to_end(const std::vector<std::string>& arguments);

}  // namespace ledgerline::test
