// The operating system's processes of one cluster: the postmaster that an earlier ledgerline left, and the children of
// a postmaster that died.
//
// A process belongs to the cluster when it is a postgres of the cluster's user and its working directory is the
// cluster's (PostgreSQL goes there at start and stays), or, where that may not be looked at, when its command line
// names the cluster.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"
#include "cluster/cluster_files.h"

namespace ledgerline::cluster {

std::vector<pid_t> cluster_processes(const ClusterPaths& paths, uid_t owner);

// Ends every process of the cluster: asks for a fast shutdown, then for an immediate one, then kills, which takes half
// a minute at most. When it succeeds there is none, and a lock file that they left is removed if it would stop the next
// postmaster for no reason. The caller holds the data directory's lock, so nobody
// starts new ones.
Result<void> end_cluster_processes(const ClusterPaths& paths, uid_t owner);

}  // namespace ledgerline::cluster
