// Somebody who pays through a server that others load, over a connection of its own each time; and what that costs.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace ledgerline::test {

// The most that a process has ever had in memory, as the kernel counts it; -1 when that cannot be read.
long peak_kibibytes(pid_t pid);

// One thread at a time.
class HonestClient {
public:
    // from: the address it comes from. Opens an account; fails the test when it gets none.
    HonestClient(std::uint16_t port, const char* from);

    const std::string& account() const { return account_; }
    // One payment with a new key, once. How long it took; nothing, and the test fails, unless it was accepted.
    std::optional<milliseconds> pay(const std::string& metadata = "{}");
    // Pays so often. Says how long it took, p50, p99 and most, on stdout, and expects the longest to be below most.
    void expect_served(int payments, milliseconds most);

private:
    const std::uint16_t port_;
    const char* const from_;
    std::string account_;
    int payments_ = 0;
};

}  // namespace ledgerline::test
