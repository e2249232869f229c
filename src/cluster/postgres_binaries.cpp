#include "cluster/postgres_binaries.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace ledgerline::cluster {
namespace {

// Debian and its derivatives, then the PostgreSQL project's RPM packages; each holds one directory per version.
constexpr const char* kDebianRoot = "/usr/lib/postgresql";
constexpr const char* kRpmRoot = "/usr";
constexpr std::string_view kRpmPrefix = "pgsql-";

bool has_programs(const std::filesystem::path& directory) {
    return access((directory / "postgres").c_str(), X_OK) == 0 && access((directory / "initdb").c_str(), X_OK) == 0;
}

// The 15 in "postgres (PostgreSQL) 15.8 (Debian 15.8-1)".
int parse_major(std::string_view version_line) {
    constexpr std::string_view kMark = "(PostgreSQL) ";
    const auto at = version_line.find(kMark);
    if (at == std::string_view::npos) return 0;
    const char* first = version_line.data() + at + kMark.size();
    int major = 0;
    std::from_chars(first, version_line.data() + version_line.size(), major);
    return major;
}

// The version that directory/postgres reports; 0 when it reports none.
int ask_version(const std::filesystem::path& directory) {
    std::string quoted;
    for (const char c : (directory / "postgres").string())
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    struct Close {
        void operator()(FILE* pipe) const { pclose(pipe); }
    };
    const std::unique_ptr<FILE, Close> pipe(popen(("'" + quoted + "' --version 2>/dev/null </dev/null").c_str(), "re"));
    char line[256] = {};
    if (!pipe || !std::fgets(line, sizeof line, pipe.get())) return 0;
    return parse_major(line);
}

void add_subdirectories(const std::filesystem::path& root, std::string_view prefix,
                        std::vector<std::filesystem::path>& out) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(root, ignored))
        if (entry.path().filename().string().starts_with(prefix)) out.push_back(entry.path() / "bin");
}

// Empty when none was chosen.
std::filesystem::path chosen_place(const std::filesystem::path& configured) {
    const char* variable = std::getenv("LEDGERLINE_PG_BINDIR");
    return configured.empty() && variable ? variable : configured;
}

std::vector<std::filesystem::path> places(const std::filesystem::path& configured) {
    if (const auto chosen = chosen_place(configured); !chosen.empty()) return {chosen};
    std::vector<std::filesystem::path> out;
    add_subdirectories(kDebianRoot, "", out);
    add_subdirectories(kRpmRoot, kRpmPrefix, out);
    const char* path = std::getenv("PATH");
    std::string_view rest = path ? path : "";
    while (!rest.empty()) {
        const auto colon = rest.find(':');
        if (const auto place = rest.substr(0, colon); place.starts_with('/')) out.emplace_back(place);
        rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
    }
    return out;
}

}  // namespace

Result<PostgresBinaries> find_postgres(const std::filesystem::path& configured, int major) {
    std::optional<PostgresBinaries> best;
    for (const auto& place : places(configured)) {
        if (!has_programs(place)) continue;
        const int found = ask_version(place);
        const bool wanted = major ? found == major : found >= postgres_major_min;
        if (wanted && (!best || found > best->major)) best = {place, found};
    }
    if (best) return *best;
    const std::string version = major ? std::to_string(major) : fmt::format("{} or newer", postgres_major_min);
    const auto chosen = chosen_place(configured);
    const std::string where = chosen.empty() ? "/usr/lib/postgresql/*/bin, /usr/pgsql-*/bin or PATH" : chosen.string();
    return failure(Disposition::stop, "postgres_missing",
                   fmt::format("PostgreSQL {} (initdb, postgres) was not found in {}. Install it, on Debian with "
                               "'apt-get install postgresql-{}', or set LEDGERLINE_PG_BINDIR",
                               version, where, major ? major : postgres_major_min));
}

}  // namespace ledgerline::cluster
