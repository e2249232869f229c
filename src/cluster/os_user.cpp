#include "cluster/os_user.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace ledgerline::cluster {
namespace {

constexpr std::array kDefaultUsers = {"postgres", "nobody"};
constexpr std::size_t kPasswdBufferBytes = 16384;
constexpr int kGroupsMax = 256;

// Exit codes of the probe process other than the index of a closed directory.
constexpr int kAllOpen = 255;
constexpr int kProbeFailed = 254;
constexpr std::size_t kProbePathsMax = 200;

std::optional<OsUser> user_of(const passwd& entry) {
    if (!entry.pw_name) return std::nullopt;
    OsUser user{entry.pw_name, entry.pw_uid, entry.pw_gid, std::vector<gid_t>(kGroupsMax)};
    int count = kGroupsMax;
    if (getgrouplist(entry.pw_name, entry.pw_gid, user.groups.data(), &count) < 0) count = 0;
    user.groups.resize(static_cast<std::size_t>(count));
    return user;
}

// In a separate process: exits with the index of the first path to which user lacks this access, or kAllOpen. Makes
// only system calls, because the process that forked may have threads.
[[noreturn]] void probe(const std::vector<std::string>& paths, int access_wanted, const OsUser& user) {
    if (!become(user)) _exit(kProbeFailed);
    for (std::size_t i = 0; i < paths.size(); ++i)
        if (access(paths[i].c_str(), access_wanted) != 0) _exit(static_cast<int>(i));
    _exit(kAllOpen);
}

int run_probe(const std::vector<std::string>& paths, int access_wanted, const OsUser& user) {
    const pid_t pid = fork();
    if (pid == 0) probe(paths, access_wanted, user);
    int status = 0;
    if (pid < 0) return kProbeFailed;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return kProbeFailed;
    return WIFEXITED(status) ? WEXITSTATUS(status) : kProbeFailed;
}

}  // namespace

std::optional<OsUser> find_user(const std::string& name) {
    std::array<char, kPasswdBufferBytes> buffer;
    passwd entry{};
    passwd* found = nullptr;
    if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
    return user_of(entry);
}

std::optional<OsUser> find_user(uid_t uid) {
    std::array<char, kPasswdBufferBytes> buffer;
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
    return user_of(entry);
}

bool become(const OsUser& user) {
    return setgroups(user.groups.size(), user.groups.data()) == 0 && setgid(user.gid) == 0 && setuid(user.uid) == 0;
}

Result<std::optional<OsUser>> cluster_user(const std::string& wanted) {
    if (geteuid() != 0) return std::optional<OsUser>();
    std::optional<OsUser> user;
    if (!wanted.empty()) {
        user = find_user(wanted);
    } else {
        for (const char* name : kDefaultUsers)
            if (!user) user = find_user(name);
    }
    if (!user)
        return failure(Disposition::stop, "no_such_user",
                       fmt::format("PostgreSQL does not run as root, and there is no user '{}' to run it as",
                                   wanted.empty() ? "postgres" : wanted));
    if (user->uid == 0)
        return failure(Disposition::stop, "user_is_root",
                       fmt::format("PostgreSQL does not run as root: name another user than '{}'", user->name));
    return user;
}

Result<void> check_reachable(const std::filesystem::path& directory, const OsUser& user) {
    std::vector<std::string> directories;
    std::filesystem::path walked;
    for (const auto& part : directory) directories.push_back((walked /= part).string());
    if (directories.size() > kProbePathsMax)
        return failure(Disposition::stop, "data_dir_unreachable", directory.string() + " is nested too deeply");

    const int result = run_probe(directories, X_OK, user);
    if (result == kAllOpen) return {};
    if (result < 0 || static_cast<std::size_t>(result) >= directories.size())
        return failure(Disposition::stop, "user_change_failed",
                       fmt::format("cannot become user '{}', which PostgreSQL has to run as", user.name));
    return failure(
        Disposition::stop, "data_dir_unreachable",
        fmt::format("PostgreSQL runs as user '{}', who cannot enter {}, so the data directory {} is out of "
                    "its reach. Choose a data directory that '{}' can reach, such as /var/lib/ledgerline",
                    user.name, directories[static_cast<std::size_t>(result)], directory.string(), user.name));
}

std::optional<std::filesystem::path> first_unreadable(const std::vector<std::filesystem::path>& paths,
                                                      const OsUser& user) {
    std::vector<std::string> present;
    for (const auto& path : paths)
        if (access(path.c_str(), F_OK) == 0) present.push_back(path.string());
    if (present.empty()) return std::nullopt;
    const int result = run_probe(present, R_OK, user);
    if (result == kAllOpen) return std::nullopt;
    const auto index = static_cast<std::size_t>(result);
    return index < present.size() ? present[index] : present.front();
}

}  // namespace ledgerline::cluster
