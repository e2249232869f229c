#include "roles/api_keys.h"

#include <algorithm>
#include <sstream>

#include "roles/config_file.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {
namespace {

constexpr const char* kFlag = "--api-keys-file";
constexpr std::size_t kKeyCharsMin = 16;

std::unexpected<Error> bad_file(const std::string& path, const std::string& why) {
    return failure(Disposition::refuse, std::string(bad_usage), std::string(kFlag) + " " + path + ": " + why);
}

}  // namespace

Result<std::vector<std::string>> read_api_keys(const std::string& path) {
    LEDGERLINE_TRY(const std::string text, read_config_file(kFlag, path));
    std::istringstream file(text);
    std::vector<std::string> keys;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (line.empty() || line.starts_with('#')) continue;
        const std::string where = "line " + std::to_string(number) + ": ";
        if (!std::all_of(line.begin(), line.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
            return bad_file(path, where + "a key must consist of visible ASCII characters only");
        if (line.size() < kKeyCharsMin)
            return bad_file(path, where + "a key must have at least " + std::to_string(kKeyCharsMin) + " characters");
        keys.push_back(line);
    }
    if (keys.empty()) return bad_file(path, "holds no key");
    return keys;
}

}  // namespace ledgerline::roles
