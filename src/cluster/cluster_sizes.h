// How large the private cluster may be on this machine, which also runs ledgerline.
#pragma once

#include <cstdint>
#include <filesystem>

namespace ledgerline::cluster {

// In MiB.
struct ClusterSizes {
    std::int64_t shared_buffers = 256;
    std::int64_t wal_buffers = 8;
    std::int64_t effective_cache = 2048;  // what the planner may expect to be cached
    std::int64_t maintenance_work = 128;
    std::int64_t max_wal = 2048;  // between checkpoints; also bounds how long a recovery takes

    bool operator==(const ClusterSizes&) const = default;
};

struct MachineSizes {
    std::int64_t memory_bytes = 0;     // of the machine, or of its control group if that has less
    std::int64_t disk_free_bytes = 0;  // where the data is
};

// Pure. A sixteenth of the memory for shared_buffers, of the free disk for the log, each within bounds.
ClusterSizes sizes_for(const MachineSizes& machine);
// What cannot be read counts as little.
MachineSizes sizes_of_machine(const std::filesystem::path& data_dir);

}  // namespace ledgerline::cluster
