#include "roles/api_keys.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "base/text.h"
#include "roles/config_file.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {
namespace {

constexpr const char* kFlag = "--api-keys-file";

// A key must not be found by trying: 128 bits, if its characters are random.
std::size_t chars_min(std::string_view key) {
    const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
    if (std::ranges::all_of(key, is_digit)) return 39;
    return std::ranges::all_of(key, is_hex) ? 32 : 22;
}

std::unexpected<Error> bad_file(const std::string& path, const std::string& why) {
    return failure(Disposition::refuse, std::string(bad_usage), std::string(kFlag) + " " + path + ": " + why);
}

}  // namespace

Result<std::vector<std::string>> read_api_keys(const std::string& path) {
    LEDGERLINE_TRY(const std::string text, read_secret_file(kFlag, path));
    std::istringstream file(text);
    std::vector<std::string> keys;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (line.empty() || line.starts_with('#')) continue;
        const std::string where = "line " + std::to_string(number) + ": ";
        if (!std::all_of(line.begin(), line.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
            return bad_file(path, where + "a key must consist of visible ASCII characters only");
        if (line.size() < chars_min(line))
            return bad_file(path, where +
                                      "a key must have 128 bits: at least 22 characters, 32 if it has hexadecimal "
                                      "digits only, 39 if decimal ones");
        keys.push_back(line);
    }
    if (keys.empty()) return bad_file(path, "holds no key");
    return keys;
}

Result<void> check_tokens(const TokenSettings& settings) {
    const auto refused = [](const std::string& why) {
        return failure(Disposition::refuse, std::string(bad_usage), why);
    };
    const http::IssuerSource& source = settings.source;
    if (settings.empty()) {
        if (settings.policy.audiences.empty() && source.keys.empty() && source.ca_file.empty()) return {};
        return refused("--jwt-audience, --jwt-jwks and --jwt-ca-file need --jwt-issuer");
    }
    // Otherwise a token that its holder gave to another service could be used here by that service.
    if (settings.policy.audiences.empty()) return refused("--jwt-issuer needs --jwt-audience");
    if (!source.ca_file.empty()) LEDGERLINE_CHECK(read_config_file("--jwt-ca-file", source.ca_file));
    if (const auto usable = source.check(); !usable) return refused(usable.error().message);
    return {};
}

void add_files(const TokenSettings& settings, RightsPlan& plan) {
    if (settings.source.is_file()) plan.files.emplace_back(settings.source.keys);
    if (!settings.source.ca_file.empty()) plan.files.emplace_back(settings.source.ca_file);
}

}  // namespace ledgerline::roles
