// `ledgerline up` on a data directory of its own.
#pragma once

#include <filesystem>

#include "e2e/role_process.h"

namespace ledgerline::test {

// Ready when it is made.
class UpProcess : public RoleProcess {
public:
    // Port 0 takes any free one.
    explicit UpProcess(const std::filesystem::path& data_dir, std::uint16_t port = 0,
                       const std::string& host = "127.0.0.1", const std::vector<std::string>& more = {},
                       const Program::Variables& variables = {});

    // Of its private cluster. idle_in_transaction_timeout is long enough for any test.
    db::Connection connect() const;
    // The first value of the first row; "" when there is none or the statement fails.
    std::string value(const std::string& sql) const;
    std::int64_t count(const std::string& sql) const;  // -1 when the statement fails
    bool wait_all_applied() const;
    pid_t postmaster_pid() const;  // 0 while there is none

private:
    const std::filesystem::path data_dir_;
};

// Expects that `ledgerline verify` on the running cluster finds nothing, and that there are no dead letters.
void expect_clean(const UpProcess& up, const std::filesystem::path& data_dir);
// The processes that work in the cluster's directory.
std::vector<pid_t> postgres_processes(const std::filesystem::path& data_dir);

}  // namespace ledgerline::test
