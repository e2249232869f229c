#include "cluster/cluster_processes.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <thread>

#include "observe/log.h"

namespace ledgerline::cluster {
namespace {

constexpr milliseconds kLookAgain{20};

struct Step {
    int number;  // of the signal
    milliseconds at_most;
};
// A living postmaster writes out its memory first.
constexpr Step kEndPostmaster[] = {
    {SIGINT, milliseconds(20000)}, {SIGQUIT, milliseconds(5000)}, {SIGKILL, milliseconds(5000)}};
// Without a postmaster its children end by themselves, unless they are busy or frozen, and have nothing left to lose.
constexpr Step kEndOrphans[] = {
    {SIGINT, milliseconds(1000)}, {SIGQUIT, milliseconds(1000)}, {SIGKILL, milliseconds(5000)}};

pid_t parse_pid(std::string_view digits) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
    return parsed.ec == std::errc() ? pid : 0;
}

std::string program_of(const std::filesystem::path& proc) {
    std::string name;
    std::getline(std::ifstream(proc / "comm") >> std::ws, name);
    return name;
}

// Both titles and arguments name the cluster: "postgres: NAME: checkpointer", "postgres -D DIR".
bool command_names(const std::filesystem::path& proc, const ClusterPaths& paths) {
    std::ifstream file(proc / "cmdline", std::ios::binary);
    const std::string command((std::istreambuf_iterator<char>(file)), {});
    if (command.starts_with("postgres: " + paths.cluster_name + ":")) return true;
    const auto end_of_program = command.find('\0');
    if (end_of_program == std::string::npos) return false;
    return command.substr(0, end_of_program).ends_with("/postgres") &&
           command.find('\0' + paths.cluster.string() + '\0') != std::string::npos;
}

bool belongs(const std::filesystem::path& proc, const struct stat& cluster, uid_t owner, const ClusterPaths& paths) {
    struct stat status{};
    if (stat(proc.c_str(), &status) != 0 || status.st_uid != owner || program_of(proc) != "postgres") return false;
    struct stat working{};
    if (stat((proc / "cwd").c_str(), &working) == 0)
        return working.st_dev == cluster.st_dev && working.st_ino == cluster.st_ino;
    return errno == EACCES && command_names(proc, paths);
}

// The pid in the first line of a postmaster's lock file; 0 when there is none.
pid_t postmaster_of(const ClusterPaths& paths) {
    const auto text = read_small_file(paths.cluster / "postmaster.pid");
    return text ? parse_pid(text->substr(0, text->find('\n'))) : 0;
}

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
    return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

void signal_all(const std::vector<pid_t>& pids, pid_t postmaster, int number) {
    // A living postmaster forwards a shutdown to its children in the right order.
    const bool passes_on = contains(pids, postmaster) && number != SIGKILL;
    for (const pid_t pid : pids)
        if (!passes_on || pid == postmaster) kill(pid, number);
}

bool wait_none(const ClusterPaths& paths, uid_t owner, milliseconds at_most) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!cluster_processes(paths, owner).empty()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(kLookAgain);
    }
    return true;
}

// PostgreSQL judges a stale lock file by its pid alone: without one (the machine crashed while it was being written),
// or with one that another program now has, it would refuse to start.
void remove_misleading_lock(const ClusterPaths& paths) {
    std::error_code ignored;
    const auto file = paths.cluster / "postmaster.pid";
    if (!std::filesystem::exists(file, ignored)) return;
    const pid_t pid = std::abs(postmaster_of(paths));  // negative: PostgreSQL's single-user mode
    if (pid != 0 && kill(pid, 0) != 0 && errno == ESRCH) return;
    log::warn("removing the lock file of a dead postmaster, which would keep the next one from starting",
              {{"pid", pid}});
    std::filesystem::remove(file, ignored);
}

}  // namespace

std::vector<pid_t> cluster_processes(const ClusterPaths& paths, uid_t owner) {
    std::vector<pid_t> pids;
    struct stat cluster{};
    if (stat(paths.cluster.c_str(), &cluster) != 0) return pids;
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc", error), end; entry != end && !error;
         entry.increment(error)) {
        const pid_t pid = parse_pid(entry->path().filename().string());
        if (pid > 0 && belongs(entry->path(), cluster, owner, paths)) pids.push_back(pid);
    }
    return pids;
}

Result<void> end_cluster_processes(const ClusterPaths& paths, uid_t owner) {
    const pid_t postmaster = postmaster_of(paths);
    const std::span<const Step> steps =
        contains(cluster_processes(paths, owner), postmaster) ? std::span(kEndPostmaster) : std::span(kEndOrphans);
    for (const auto& [number, at_most] : steps) {
        const auto pids = cluster_processes(paths, owner);
        if (!pids.empty())
            log::warn("ending processes left behind by an earlier run of the cluster",
                      {{"processes", pids.size()}, {"pid", pids.front()}, {"signal", number}});
        signal_all(pids, postmaster, number);
        if (wait_none(paths, owner, at_most)) {
            remove_misleading_lock(paths);
            return {};
        }
    }
    return failure(Disposition::retry, "cluster_processes_remain",
                   fmt::format("processes of an earlier run of the cluster in {} do not end", paths.cluster.string()));
}

}  // namespace ledgerline::cluster
