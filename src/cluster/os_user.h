// The operating system user that the private cluster runs as. PostgreSQL refuses to run as root.
//
// Thread-safe: no state.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ledgerline::cluster {

struct OsUser {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

// Nothing when there is no such user.
std::optional<OsUser> find_user(const std::string& name);
std::optional<OsUser> find_user(uid_t uid);

// Switches this process to that user for good. Makes only system calls. False: the system does not permit it.
bool become(const OsUser& user);

// Null when this process is not root: the cluster then runs as our own user. As root: the user named wanted or, if the
// name is empty, "postgres" or else "nobody". Refuses root itself and names that do not exist (Disposition::stop).
Result<std::optional<OsUser>> cluster_user(const std::string& wanted);

// Whether user can pass through every directory from the root down to directory, which must exist and be absolute. The
// error (code "data_dir_unreachable", Disposition::stop) names the closed directory and the user.
Result<void> check_reachable(const std::filesystem::path& directory, const OsUser& user);

// The first of the paths, at most a hundred, that exists for us and that user cannot read.
std::optional<std::filesystem::path> first_unreadable(const std::vector<std::filesystem::path>& paths,
                                                      const OsUser& user);

}  // namespace ledgerline::cluster
