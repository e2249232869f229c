// Creates a private cluster and writes its settings.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "cluster/cluster_files.h"
#include "cluster/cluster_sizes.h"
#include "cluster/os_user.h"
#include "cluster/postgres_binaries.h"

namespace ledgerline::cluster {

struct ClusterSettings {
    unsigned connections_max = 100;
    bool durable = true;  // false: no fsync
    ClusterSizes sizes{};
    bool lz4 = false;  // the log is compressed with it; false: with PostgreSQL's own, slower method
};

// The environment of PostgreSQL's programs: nothing from ours may change what they do, except where their libraries are
// (LD_LIBRARY_PATH) and who their user is (NSS_WRAPPER_*, and LD_PRELOAD with these).
std::vector<std::string> postgres_environment();

// The cluster's major version; 0 when there is no cluster yet.
int cluster_major(const ClusterPaths& paths);

struct InitdbConfig {
    milliseconds timeout{0};
    bool durable = true;                // false: no fsync
    std::function<bool()> cancelled{};  // polled; true gives up. May be empty
};

// Creates the cluster with a new password, completely or not at all: it is made under another name, and the next
// attempt removes what an unfinished one left. user is null for this process's own. Codes: initdb_failed,
// data_dir_unusable, and start_cancelled (retry).
Result<void> create_cluster(const ClusterPaths& paths, const PostgresBinaries& binaries, const OsUser* user,
                            Random& random, const InitdbConfig& config);

// Whether this PostgreSQL was built with lz4. The cluster exists.
bool has_lz4(const ClusterPaths& paths, const PostgresBinaries& binaries, const OsUser* user);

// "shared_buffers 1536 MB, wal_buffers 16 MB, max_wal_size 4096 MB, wal_compression lz4".
std::string describe(const ClusterSettings& settings);

// Rewrites postgresql.conf. ALTER SYSTEM settings are in another file, stay, and take precedence.
Result<void> write_settings(const ClusterPaths& paths, const OsUser* user, const ClusterSettings& settings);

}  // namespace ledgerline::cluster
