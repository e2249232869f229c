#include "roles/settings.h"

#include "observe/log.h"

namespace ledgerline::roles {
namespace {

log::Level level_of(const std::string& name) {
    if (name == "debug") return log::Level::debug;
    if (name == "warn") return log::Level::warn;
    if (name == "error") return log::Level::error;
    return log::Level::info;
}

log::Format format_of(const std::string& name) {
    if (name == "json") return log::Format::json;
    return name == "plain" ? log::Format::plain : log::default_format();
}

}  // namespace

void configure_log(const LogSettings& options, const std::string& role) {
    log::configure(level_of(options.level), format_of(options.format), role);
}

}  // namespace ledgerline::roles
