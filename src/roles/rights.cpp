#include "roles/rights.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <span>

#include "cluster/cluster_files.h"
#include "cluster/login_needs.h"
#include "cluster/os_user.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {
namespace {

using cluster::OsUser;

// Users without special rights.
constexpr const char* kOrdinaryUsers[] = {"ledgerline", "nobody"};
// To read files and reach sockets that are closed to others.
constexpr int kForFiles[] = {CAP_DAC_OVERRIDE};
// Also to run the private cluster as another user.
constexpr int kForCluster[] = {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER, CAP_KILL, CAP_SETGID, CAP_SETUID};

// No program started by this process may gain rights by being started, no matter who owns it.
void grant_programs_nothing() {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

// Drops this thread's capabilities except those named, as far as it has them.
void keep_only(std::span<const int> kept) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, sets) != 0) return;
    std::uint32_t mask[_LINUX_CAPABILITY_U32S_3]{};
    for (const int capability : kept) mask[CAP_TO_INDEX(capability)] |= CAP_TO_MASK(capability);
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
        sets[i].permitted &= mask[i];
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    syscall(SYS_capset, &header, sets);
}

// The memory of a process that changed its user is closed to everybody, but a leak checker inspects it from outside.
void stay_debuggable_by_sanitizers() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
#endif
}

Result<std::optional<OsUser>> user_of(const RightsPlan& plan) {
    if (!plan.run_as.empty()) {
        auto user = cluster::find_user(plan.run_as);
        if (!user)
            return failure(Disposition::refuse, std::string(bad_usage),
                           fmt::format("--run-as: there is no user '{}'", plan.run_as));
        return user;
    }
    if (plan.cluster) return cluster::cluster_owner(*plan.cluster);
    for (const char* name : kOrdinaryUsers)
        if (auto user = cluster::find_user(name)) return user;
    return std::optional<OsUser>();
}

// Why the process must stay root; "" when it need not.
std::string reason_to_stay(const RightsPlan& plan, const cluster::LoginNeeds& login, const OsUser& user) {
    std::vector<std::filesystem::path> files = plan.files;
    files.insert(files.end(), login.files.begin(), login.files.end());
    if (const auto closed = cluster::first_unreadable(files, user))
        return fmt::format("user '{}' cannot read {}, which must be read again later", user.name, closed->string());
    // A user requested by name is the one that the server is meant to see.
    if (login.local_socket && plan.run_as.empty())
        return "the database is reached over a unix socket, where the server may ask which user we are";
    return "";
}

// libpq takes names and files from the environment.
void adapt_environment(const OsUser& user, const cluster::LoginNeeds& login) {
    if (!login.user.empty()) setenv("PGUSER", login.user.c_str(), 1);
    const passwd* entry = getpwuid(user.uid);
    setenv("HOME", entry && entry->pw_dir ? entry->pw_dir : "/", 1);
    setenv("USER", user.name.c_str(), 1);
    setenv("LOGNAME", user.name.c_str(), 1);
}

}  // namespace

Result<RightsKept> give_up_rights(const RightsPlan& plan) {
    if (geteuid() != 0) {
        grant_programs_nothing();
        keep_only({});
        return RightsKept{};
    }
    LEDGERLINE_TRY(const auto user, user_of(plan));
    const cluster::LoginNeeds login =
        plan.database_url.empty() ? cluster::LoginNeeds{} : cluster::login_needs(plan.database_url);
    std::string because = !user            ? "no user 'ledgerline' or 'nobody' exists"
                          : user->uid == 0 ? "it is configured to"
                                           : reason_to_stay(plan, login, *user);
    if (because.empty()) {
        if (plan.cluster) LEDGERLINE_CHECK(cluster::adopt_data_dir(plan.cluster->data_dir, *user));
        grant_programs_nothing();
        if (cluster::become(*user)) {
            keep_only({});
            stay_debuggable_by_sanitizers();
            adapt_environment(*user, login);
            return RightsKept{user->name, ""};
        }
        because = fmt::format("the system does not permit it to become user '{}'", user->name);
    }
    grant_programs_nothing();
    keep_only(plan.cluster ? std::span<const int>(kForCluster) : std::span<const int>(kForFiles));
    return RightsKept{"", because};
}

}  // namespace ledgerline::roles
