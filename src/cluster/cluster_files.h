// What lies in the data directory of `ledgerline up`, and how it is written.
//
//   lock                 who runs on it (data_dir_lock.h)
//   password             of the database's superuser, mode 0600
//   postgres/            the cluster itself, owned by the user that it runs as
//   postgres.log[.1]     PostgreSQL's own log (cluster_log.h)
//   initdb.log           what initdb said
//   run/                 the unix socket, unless the path is too long for one
//   socket-directory     where it is then
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
    std::filesystem::path socket_record;  // the file that names it
    std::string cluster_name;             // shown in the titles of the cluster's processes

    // Of an existing directory.
    static Result<ClusterPaths> of(const std::filesystem::path& data_dir);
    // For libpq.
    std::string url(std::string_view secret, std::string_view database) const;
};

// Makes the data directory when it is missing, and its parents. With a user, everything made can be entered by it, and
// so can an empty or already used data directory that is closed to it.
Result<void> make_data_dir(const std::filesystem::path& data_dir, const OsUser* user);

// Gives a data directory that root used, or is about to, to user, who alone is going to use it: itself and what we put
// there. Makes it when it is missing. Refused (data_dir_unusable, data_dir_unreachable): one that holds what is not
// ours, or that user cannot reach.
Result<void> adopt_data_dir(const std::filesystem::path& data_dir, const OsUser& user);

// Where the socket is to be: in the data directory, or where its path is too long, in a directory below /tmp with a
// name that nobody can have taken beforehand, which the data directory records. Of a stopped cluster.
Result<void> choose_socket_dir(ClusterPaths& paths, const OsUser* user);

// Makes the directory of the socket, closed to everybody but the owner, and clears it of sockets of dead servers.
Result<void> make_socket_dir(const std::filesystem::path& directory, const OsUser* user);

// Of a stopped cluster.
void remove_socket_dir(const std::filesystem::path& directory);

// What tells one socket from another; nothing while there is none.
std::optional<std::pair<dev_t, ino_t>> socket_identity(const std::filesystem::path& directory);

// Replaces the file at once, durably, mode 0600, owned by user or, when null, by us.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view text, const OsUser* user);
Result<std::string> read_small_file(const std::filesystem::path& path);
Result<void> sync_directory(const std::filesystem::path& directory);

std::string make_password(Random& random);

}  // namespace ledgerline::cluster
