// What libpq reads of this machine each time that it connects.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ledgerline::cluster {

struct LoginNeeds {
    // Over a unix socket: the server may ask the system who we are.
    bool local_socket = false;
    // Password file, certificates and keys, present or not.
    std::vector<std::filesystem::path> files;
    // The database's user; where nothing names one, that is the name of the system's.
    std::string user;
};

// Of a database URL with the environment's PG* variables. Of one that libpq does not take: nothing.
LoginNeeds login_needs(const std::string& database_url);

}  // namespace ledgerline::cluster
