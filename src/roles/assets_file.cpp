#include "roles/assets_file.h"

#include <fmt/format.h>

#include "base/money.h"
#include "roles/config_file.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {
namespace {

constexpr const char* kFlag = "--assets-file";

}  // namespace

Result<void> use_assets_file(const std::string& path) {
    if (path.empty()) return {};
    LEDGERLINE_TRY(const std::string text, read_config_file(kFlag, path));
    const auto own = parse_assets(text);
    if (!own)
        return failure(Disposition::refuse, std::string(bad_usage),
                       fmt::format("{} {}: {}", kFlag, path, own.error().message));
    use_own_assets(*own);
    return {};
}

}  // namespace ledgerline::roles
