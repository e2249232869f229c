// BrokerGuard: ends the brokers of a directory when the test program ends, however it does.
#pragma once

#include <sys/types.h>

#include <filesystem>

namespace ledgerline::test {

class BrokerGuard {
public:
    // Of scripts/kafka's directory: the broker in it, or the brokers of its cluster.
    explicit BrokerGuard(const std::filesystem::path& directory);
    ~BrokerGuard();
    BrokerGuard(const BrokerGuard&) = delete;
    BrokerGuard& operator=(const BrokerGuard&) = delete;

private:
    pid_t owner_pid_;
    pid_t guard_pid_;
    int pipe_;
};

}  // namespace ledgerline::test
