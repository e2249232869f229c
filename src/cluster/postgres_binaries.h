// Where PostgreSQL's programs are on this machine.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace ledgerline::cluster {

inline constexpr int postgres_major_min = 15;

struct PostgresBinaries {
    std::filesystem::path directory;  // of initdb and postgres
    int major = 0;
};

// The newest PostgreSQL 15+ of: configured, when it is not empty, alone; otherwise LEDGERLINE_PG_BINDIR, when it is
// set, alone; otherwise the packages' directories and PATH. major: 0, or the only version wanted, because a cluster
// made by it exists. The error (Disposition::stop) says where was looked and which package to install.
Result<PostgresBinaries> find_postgres(const std::filesystem::path& configured, int major);

}  // namespace ledgerline::cluster
