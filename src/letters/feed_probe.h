// FeedProbe: what others can see of the dead-letter feed: its metrics and its log lines. The feed tells it what
// happened; only this class knows what any of that is called outside. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/uuid.h"
#include "observe/metrics.h"

namespace ledgerline::letters {

class FeedProbe {
public:
    // The metrics must outlive it.
    explicit FeedProbe(Metrics& metrics) : metrics_(metrics) {}

    // How many letters are still to be published.
    void waiting(std::int64_t letters);
    // The bus has acknowledged them and the database has recorded that.
    void published(std::size_t letters);
    // The bus refuses the letter, however small.
    void refused(const Uuid& letter, const std::string& reason);

    // The database and the bus, as of the last round. Only changes are logged.
    void database_away(const Error& error);
    void database_answered();
    void bus_away(const std::string& reason);
    void bus_accepted();

private:
    Metrics& metrics_;
    bool database_is_away_ = false;
    bool bus_is_away_ = false;
};

}  // namespace ledgerline::letters
