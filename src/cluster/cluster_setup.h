// Creating a private cluster and writing its settings.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "cluster/cluster_files.h"
#include "cluster/os_user.h"
#include "cluster/postgres_binaries.h"

namespace ledgerline::cluster {

struct ClusterSettings {
    unsigned connections_max = 100;
    bool durable = true;  // false: no fsync
};

// What PostgreSQL's programs get as their environment: nothing of ours may change what they do, but for what says where
// their libraries are (LD_LIBRARY_PATH) and who their user is (NSS_WRAPPER_*, and LD_PRELOAD with these).
std::vector<std::string> postgres_environment();

// 0 when there is no cluster yet.
int cluster_major(const ClusterPaths& paths);

// Makes the cluster with a new password. It is there whole or not at all: it is made under another name, which is
// removed by the next try when this one does not come to its end. Codes: initdb_failed, data_dir_unusable,
// start_cancelled (retry) once cancelled, asked every now and then, says so.
Result<void> create_cluster(const ClusterPaths& paths, const PostgresBinaries& binaries, const OsUser* user,
                            Random& random, milliseconds at_most, bool durable, const std::function<bool()>& cancelled);

// Writes postgresql.conf anew. ALTER SYSTEM settings live in another file, stay, and win.
Result<void> write_settings(const ClusterPaths& paths, const OsUser* user, const ClusterSettings& settings);

}  // namespace ledgerline::cluster
