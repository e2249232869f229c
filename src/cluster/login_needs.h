// What libpq reads from this machine each time it connects.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ledgerline::cluster {

struct LoginNeeds {
    // Over a unix socket: the server may ask the system which user we are.
    bool local_socket = false;
    // Password file, certificates and keys, whether they exist or not.
    std::vector<std::filesystem::path> files;
    // The database user; by default the name of the system's user.
    std::string user;
};

// For a database URL with the environment's PG* variables. Empty for one that libpq does not accept.
LoginNeeds login_needs(const std::string& database_url);

}  // namespace ledgerline::cluster
