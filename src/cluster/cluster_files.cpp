#include "cluster/cluster_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/hex.h"

namespace ledgerline::cluster {
namespace {

constexpr const char* kSocketFile = "/.s.PGSQL.5432";
constexpr std::string_view kSocketDirPrefix = "/tmp/ledgerline-";
constexpr std::size_t kNameHashBytes = 8;
constexpr std::size_t kPasswordWords = 3;  // of 64 random bits each
constexpr std::size_t kSmallFileBytesMax = 65536;

std::unexpected<Error> unusable(const std::filesystem::path& path, std::string_view doing) {
    return failure(Disposition::stop, "data_dir_unusable",
                   fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(errno)));
}

// Sixteen hexadecimal digits derived from the path, always the same.
std::string hash_of(std::string_view path) {
    unsigned char hash[crypto_generichash_BYTES_MIN];
    crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(path.data()), path.size(), nullptr, 0);
    return hex_of(std::span(hash).first(kNameHashBytes));
}

// Whether PostgreSQL's settings and the URL can hold the path as it is, and it fits into a socket address.
bool suits_socket(const std::string& directory) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    return directory.size() + std::strlen(kSocketFile) < sizeof(sockaddr_un::sun_path) &&
           directory.find_first_not_of(kPlain) == std::string::npos;
}

Result<void> write_all(int descriptor, std::string_view text, const std::filesystem::path& path) {
    while (!text.empty()) {
        const ssize_t written = write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return unusable(path, "write");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> give_to(int descriptor, const OsUser* user, const std::filesystem::path& path) {
    if (user && fchown(descriptor, user->uid, user->gid) != 0) return unusable(path, "change the owner of");
    return {};
}

// mkdir -p. With a user, everyone can enter the directories made here, whatever the umask is.
Result<void> make_parents(const std::filesystem::path& directory, const OsUser* user) {
    std::filesystem::path walked;
    for (const auto& part : directory) {
        walked /= part;
        if (mkdir(walked.c_str(), 0755) == 0) {
            if (user && chmod(walked.c_str(), 0755) != 0) return unusable(walked, "open up");
        } else if (errno != EEXIST) {
            return unusable(walked, "create directory");
        }
    }
    return {};
}

bool is_our_name(const std::string& name) {
    static constexpr std::string_view kNames[] = {"lock",       "password",     "postgres.log",        "postgres.log.1",
                                                  "initdb.log", "password.new", "socket-directory",    "postgres",
                                                  "run",        "lost+found",   "socket-directory.new"};
    return std::ranges::find(kNames, name) != std::end(kNames) || name.starts_with("postgres.making-");
}

// Whether the directory holds one of our clusters, or only what we and a file system put there. A single familiar name
// proves nothing: /run has a "lock", too.
bool is_ours(const std::filesystem::path& directory) {
    std::error_code error;
    if (std::filesystem::is_regular_file(directory / "postgres" / "PG_VERSION", error)) return true;
    std::filesystem::directory_iterator entry(directory, error), end;
    for (; !error && entry != end; entry.increment(error))
        if (!is_our_name(entry->path().filename().string())) return false;
    return !error;
}

// Only files that belong to root and have a single name: so nobody can trick us into giving away another user's file.
Result<void> adopt_file(int directory, const std::string& name, const OsUser& user) {
    const int descriptor = openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return {};
    struct stat status{};
    Result<void> adopted;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == 0 && status.st_nlink == 1)
        adopted = give_to(descriptor, &user, name);
    close(descriptor);
    return adopted;
}

// The recorded directory, or the one that earlier versions used.
std::string recorded_socket_dir(const ClusterPaths& paths) {
    std::string recorded = read_small_file(paths.socket_record).value_or("");
    while (recorded.ends_with('\n')) recorded.pop_back();
    const bool usable = recorded.starts_with(kSocketDirPrefix) && suits_socket(recorded);
    return usable ? recorded : "/tmp/" + paths.cluster_name;
}

// Whether the directory exists, belongs to owner and is closed to everybody else.
bool is_private_dir(const std::filesystem::path& directory, uid_t owner) {
    struct stat status{};
    return lstat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == owner &&
           (status.st_mode & 077) == 0;
}

// Stays ours and closed: the cluster's user may pass through, nobody else.
Result<void> open_up(int directory, const OsUser& user, const std::filesystem::path& path) {
    struct stat status{};
    if (fstat(directory, &status) != 0) return unusable(path, "inspect");
    if (status.st_uid != geteuid() || (status.st_mode & S_IXOTH)) return {};
    if (fchown(directory, geteuid(), user.gid) != 0 || fchmod(directory, 0710) != 0) return unusable(path, "open up");
    return {};
}

}  // namespace

Result<ClusterPaths> ClusterPaths::of(const std::filesystem::path& data_dir) {
    std::error_code error;
    const auto canonical = std::filesystem::canonical(data_dir, error);
    if (error)
        return failure(Disposition::stop, "data_dir_unusable",
                       fmt::format("cannot open the data directory {}: {}", data_dir.string(), error.message()));
    ClusterPaths paths;
    paths.data_dir = canonical;
    paths.cluster = canonical / "postgres";
    paths.password = canonical / "password";
    paths.log = canonical / "postgres.log";
    paths.initdb_log = canonical / "initdb.log";
    paths.cluster_name = "ledgerline-" + hash_of(canonical.string());
    const std::string inside = (canonical / "run").string();
    paths.socket_record = canonical / "socket-directory";
    paths.socket_dir = suits_socket(inside) ? inside : recorded_socket_dir(paths);
    return paths;
}

std::string ClusterPaths::url(std::string_view secret, std::string_view database) const {
    return fmt::format("postgresql://ledgerline:{}@/{}?host={}&port=5432", secret, database, socket_dir.string());
}

Result<void> make_data_dir(const std::filesystem::path& data_dir, const OsUser* user) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(data_dir, error).lexically_normal();
    if (error)
        return failure(Disposition::stop, "data_dir_unusable",
                       fmt::format("cannot create the data directory {}: {}", data_dir.string(), error.message()));
    LEDGERLINE_CHECK(make_parents(absolute.has_filename() ? absolute.parent_path() : absolute, user));
    if (mkdir(absolute.c_str(), 0700) != 0 && errno != EEXIST) return unusable(absolute, "create directory");
    const int directory = open(absolute.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return unusable(absolute, "open the data directory");
    auto opened_up = user && is_ours(absolute) ? open_up(directory, *user, absolute) : Result<void>();
    close(directory);
    return opened_up;
}

Result<void> adopt_data_dir(const std::filesystem::path& data_dir, const OsUser& user) {
    LEDGERLINE_CHECK(make_data_dir(data_dir, &user));
    LEDGERLINE_TRY(const ClusterPaths paths, ClusterPaths::of(data_dir));
    LEDGERLINE_CHECK(check_reachable(paths.data_dir, user));
    const int directory = open(paths.data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return unusable(paths.data_dir, "open");
    struct stat status{};
    Result<void> adopted;
    if (fstat(directory, &status) != 0) {
        adopted = unusable(paths.data_dir, "inspect");
    } else if (status.st_uid != user.uid && ((status.st_mode & S_ISVTX) || !is_ours(paths.data_dir))) {
        adopted = failure(Disposition::stop, "data_dir_unusable",
                          fmt::format("the data directory {} does not belong to '{}' and holds other files: "
                                      "give it a directory of its own",
                                      paths.data_dir.string(), user.name));
    } else {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(paths.data_dir, ignored)) {
            const std::string name = entry.path().filename().string();
            if (adopted && is_our_name(name)) adopted = adopt_file(directory, name, user);
        }
        if (adopted && status.st_uid != user.uid) adopted = give_to(directory, &user, paths.data_dir);
    }
    close(directory);
    return adopted;
}

Result<void> choose_socket_dir(ClusterPaths& paths, const OsUser* user) {
    if (paths.socket_dir.parent_path() == paths.data_dir) return {};
    const uid_t owner = user ? user->uid : geteuid();
    const bool recorded = access(paths.socket_record.c_str(), F_OK) == 0;
    if (recorded && is_private_dir(paths.socket_dir, owner)) return {};
    std::string fresh = std::string(kSocketDirPrefix) + "XXXXXX";
    if (!mkdtemp(fresh.data())) return unusable(fresh, "create directory");
    if (user && chown(fresh.c_str(), user->uid, user->gid) != 0) return unusable(fresh, "change the owner of");
    paths.socket_dir = fresh;
    return write_private_file(paths.socket_record, fresh + "\n", nullptr);
}

Result<void> make_socket_dir(const std::filesystem::path& directory, const OsUser* user) {
    if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return unusable(directory, "create directory");
    const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return unusable(directory, "open");
    struct stat status{};
    const uid_t owner = user ? user->uid : geteuid();
    Result<void> made;
    if (fstat(descriptor, &status) != 0)
        made = unusable(directory, "inspect");
    else if (status.st_uid != owner && status.st_uid != geteuid())
        made = failure(Disposition::stop, "socket_dir_taken",
                       fmt::format("{} belongs to another user: remove it", directory.string()));
    else if (fchmod(descriptor, 0700) != 0)
        made = unusable(directory, "close");
    else
        made = give_to(descriptor, user, directory);
    close(descriptor);
    LEDGERLINE_CHECK(std::move(made));
    std::error_code ignored;
    std::filesystem::remove(directory.string() + kSocketFile, ignored);
    std::filesystem::remove(directory.string() + kSocketFile + ".lock", ignored);
    return {};
}

void remove_socket_dir(const std::filesystem::path& directory) {
    // Fails, as it should, when somebody else put files there.
    rmdir(directory.c_str());
}

std::optional<std::pair<dev_t, ino_t>> socket_identity(const std::filesystem::path& directory) {
    struct stat status{};
    if (lstat((directory.string() + kSocketFile).c_str(), &status) != 0 || !S_ISSOCK(status.st_mode))
        return std::nullopt;
    return std::pair(status.st_dev, status.st_ino);
}

Result<void> write_private_file(const std::filesystem::path& path, std::string_view text, const OsUser* user) {
    const std::string fresh = path.string() + ".new";
    unlink(fresh.c_str());
    const int descriptor = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return unusable(fresh, "write");
    auto written = write_all(descriptor, text, fresh);
    if (written) written = give_to(descriptor, user, fresh);
    if (written && fsync(descriptor) != 0) written = unusable(fresh, "sync");
    close(descriptor);
    LEDGERLINE_CHECK(std::move(written));
    if (rename(fresh.c_str(), path.c_str()) != 0) return unusable(path, "replace");
    return sync_directory(path.parent_path());
}

Result<std::string> read_small_file(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) return unusable(path, "read");
    std::string text(kSmallFileBytesMax, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return text;
}

Result<void> sync_directory(const std::filesystem::path& directory) {
    const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return unusable(directory, "open");
    const bool synced = fsync(descriptor) == 0;
    close(descriptor);
    if (!synced) return unusable(directory, "sync");
    return {};
}

std::string make_password(Random& random) {
    std::string password;
    for (std::size_t i = 0; i < kPasswordWords; ++i) password += fmt::format("{:016x}", random.next());
    return password;
}

}  // namespace ledgerline::cluster
