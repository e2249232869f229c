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

// The newest PostgreSQL 15+ in the first of these that is set: configured (if not empty), LEDGERLINE_PG_BINDIR, or else
// the packages' directories and PATH. major: 0, or the only acceptable version, because a cluster made by it exists.
// The error (Disposition::stop) says where it looked and which package to install.
Result<PostgresBinaries> find_postgres(const std::filesystem::path& configured, int major);

}  // namespace ledgerline::cluster
