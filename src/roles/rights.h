// Rights: what a process keeps of those that it was started with, once it has taken its addresses.
//
// A process of root becomes an ordinary user. Where it must later read what only root can, it stays root with the few
// capabilities that this takes, and says why. In every case no program that it starts can gain any right.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/private_cluster.h"

namespace ledgerline::roles {

struct RightsPlan {
    std::string run_as;                                      // the user to become; "root": none; empty: found by itself
    std::vector<std::filesystem::path> files;                // that are read again later
    std::string database_url;                                // whose login may need more; empty: none
    const cluster::PrivateClusterConfig* cluster = nullptr;  // one of our own, whose data directory goes to the user
};

// What became of them: for the log, which cannot be written before.
struct RightsKept {
    std::string user;     // that the process became; "": it stayed who it was
    std::string because;  // why it stayed root; "": it did not
};

// While the process has one thread. Codes: bad_usage (run_as names nobody), and those of db::adopt_data_dir().
Result<RightsKept> give_up_rights(const RightsPlan& plan);

}  // namespace ledgerline::roles
