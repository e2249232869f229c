// The operating system processes of one cluster: a postmaster left behind by an earlier ledgerline, and the children of
// a postmaster that died.
//
// A process belongs to the cluster when it is a postgres run by the cluster's user and its working directory is the
// cluster's (PostgreSQL changes to it at start and stays there) or, where that cannot be inspected, when its command
// line names the cluster.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"
#include "cluster/cluster_files.h"

namespace ledgerline::cluster {

std::vector<pid_t> cluster_processes(const ClusterPaths& paths, uid_t owner);

// Ends every process of the cluster: requests a fast shutdown, then an immediate one, then kills, which takes at most
// half a minute. On success none is left, and a lock file that they left is removed if it would needlessly stop the
// next postmaster. The caller holds the data directory's lock, so nobody starts new ones.
Result<void> end_cluster_processes(const ClusterPaths& paths, uid_t owner);

}  // namespace ledgerline::cluster
