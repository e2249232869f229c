// The contents of the data directory of `ledgerline up`, and how they are written.
//
//   lock                 which process runs on it (data_dir_lock.h)
//   password             the password of the database's superuser, mode 0600
//   postgres/            the cluster itself, owned by the user that it runs as
//   postgres.log[.1]     PostgreSQL's own log (cluster_log.h)
//   initdb.log           the output of initdb
//   run/                 the unix socket, unless that path is too long for one
//   socket-directory     names the directory of the socket in that case
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "base/result.h"
#include "cluster/os_user.h"

namespace ledgerline::cluster {

struct ClusterPaths {
    std::filesystem::path data_dir;  // absolute, without symbolic links
    std::filesystem::path cluster;
    std::filesystem::path password;
    std::filesystem::path log;
    std::filesystem::path initdb_log;
    std::filesystem::path socket_dir;
    std::filesystem::path socket_record;  // the file that names socket_dir
    std::string cluster_name;             // shown in the process titles of the cluster

    // data_dir must exist.
    static Result<ClusterPaths> of(const std::filesystem::path& data_dir);
    // For libpq.
    std::string url(std::string_view secret, std::string_view database) const;
};

// Creates the data directory and its parents where they are missing. With a user, that user can enter everything
// created, and also an empty or already used data directory that was closed to it.
Result<void> make_data_dir(const std::filesystem::path& data_dir, const OsUser* user);

// Gives a data directory that root used, or is about to, to the user who alone will use it: the directory itself and
// what we put there. Creates it when it is missing. Refuses (data_dir_unusable, data_dir_unreachable) one that holds
// files that are not ours, or that the user cannot reach.
Result<void> adopt_data_dir(const std::filesystem::path& data_dir, const OsUser& user);

// Chooses the socket's directory: in the data directory or, if that path is too long, below /tmp under a name that
// nobody can have taken beforehand, which the data directory records. The cluster must be stopped.
Result<void> choose_socket_dir(ClusterPaths& paths, const OsUser* user);

// Creates the socket's directory, closed to everybody but the owner, and removes sockets of dead servers from it.
Result<void> make_socket_dir(const std::filesystem::path& directory, const OsUser* user);

// The cluster must be stopped.
void remove_socket_dir(const std::filesystem::path& directory);

// Distinguishes one socket from another; nothing while there is none.
std::optional<std::pair<dev_t, ino_t>> socket_identity(const std::filesystem::path& directory);

// Replaces the file atomically and durably, mode 0600, owned by user or, when null, by us.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view text, const OsUser* user);
Result<std::string> read_small_file(const std::filesystem::path& path);
Result<void> sync_directory(const std::filesystem::path& directory);

std::string make_password(Random& random);

}  // namespace ledgerline::cluster
