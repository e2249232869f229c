// Rights: which of the rights that a process was started with it keeps, once it has bound its addresses.
//
// A process started as root becomes an ordinary user. If it must later read what only root can, it stays root with the
// few capabilities needed for that, and logs why. In no case can a program that it starts gain any right.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/private_cluster.h"

namespace ledgerline::roles {

struct RightsPlan {
    std::string run_as;                        // the user to become; "root": none; empty: chosen automatically
    std::vector<std::filesystem::path> files;  // that will be read again later
    std::string database_url;                  // whose login may need more; empty: none
    const cluster::PrivateClusterConfig* cluster = nullptr;  // our own one, whose data directory the user gets
};

// What the process kept: for the log, which cannot be written earlier.
struct RightsKept {
    std::string user;     // that the process became; "": its user did not change
    std::string because;  // why it stayed root; "": it did not
};

// Must be called while the process has one thread. Codes: bad_usage (run_as names nobody), and those of
// cluster::adopt_data_dir().
Result<RightsKept> give_up_rights(const RightsPlan& plan);

}  // namespace ledgerline::roles
