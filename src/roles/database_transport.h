// Whether others on the network could read or change what goes to the database.
#pragma once

#include <string>

namespace ledgerline::roles {

// The host that is reached over a network without proof of who it is, and how: "db.example:5432 with sslmode=prefer".
// "" when there is none: a unix socket, a loopback address, or sslmode=verify-full.
std::string unproven_database(const std::string& url);

}  // namespace ledgerline::roles
