#include "roles/config_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/descriptor.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {

Result<std::string> read_config_file(const std::string& flag, const std::string& path) {
    const auto refused = [&](const std::string& why) {
        return failure(Disposition::refuse, std::string(bad_usage), fmt::format("{} {}: {}", flag, path, why));
    };
    const auto unreadable = [&](int error) {
        return refused("cannot be read: " + std::generic_category().message(error));
    };
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return unreadable(errno);
    std::string text;
    std::array<char, 4096> block;
    while (true) {
        const ssize_t size = read(file.number(), block.data(), block.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return unreadable(errno);
        if (size == 0) break;
        text.append(block.data(), static_cast<std::size_t>(size));
        if (text.size() > config_file_bytes_max) return refused(fmt::format("is over {} bytes", config_file_bytes_max));
    }
    if (text.empty()) return refused("is empty");
    return text;
}

Result<void> check_secret_file(const std::string& flag, const std::string& path) {
    struct stat facts{};
    if (stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode) || (facts.st_mode & S_IROTH) == 0) return {};
    return failure(Disposition::refuse, std::string(bad_usage),
                   fmt::format("{} {}: every user of this machine can read it (mode {:03o}): chmod o= it, and replace "
                               "what is in it",
                               flag, path, facts.st_mode & 0777u));
}

Result<std::string> read_secret_file(const std::string& flag, const std::string& path) {
    auto text = read_config_file(flag, path);
    if (text) LEDGERLINE_CHECK(check_secret_file(flag, path));
    return text;
}

}  // namespace ledgerline::roles
