#include "cli/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/new_file.h"
#include "base/text.h"
#include "roles/config_file.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr const char* kPathVariable = "LEDGERLINE_PROFILES";
constexpr const char* kDefaultUrl = "http://127.0.0.1:8080";
constexpr std::size_t kNameBytesMax = 64;

std::unexpected<Error> bad_usage(std::string message) {
    return failure(Disposition::refuse, std::string(roles::bad_usage), std::move(message));
}

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// "" when the user has no place for it.
std::string path_of_profiles() {
    if (const std::string path = variable(kPathVariable); !path.empty()) return path;
    std::string folder = variable("XDG_CONFIG_HOME");
    if (const std::string home = variable("HOME"); folder.empty() && !home.empty()) folder = home + "/.config";
    return folder.empty() ? "" : folder + "/ledgerline/profiles.json";
}

Result<Profiles> parse(const std::string& path, const std::string& text) {
    const auto broken = [&](const std::string& why) { return bad_usage(fmt::format("{}: {}", path, why)); };
    const auto file = json::parse(text);
    if (!file) return broken(file.error().message);
    const json::Value* profiles = file->find("profiles");
    if (!profiles || !profiles->if_array()) return broken("it has no list of profiles");
    Profiles read{.current = text_of(*file, "current"), .all = {}};
    for (const json::Value& each : *profiles->if_array()) {
        Profile profile{.name = text_of(each, "name"),
                        .url = text_of(each, "url"),
                        .api_key_file = text_of(each, "api_key_file"),
                        .ca_file = text_of(each, "ca_file")};
        if (!profile_name_rule(profile.name).empty() || profile.url.empty())
            return broken("a profile lacks its name or URL");
        read.all.push_back(std::move(profile));
    }
    return read;
}

}  // namespace

json::Value Profile::to_json(bool is_current) const {
    const auto or_null = [](const std::string& text) { return text.empty() ? json::Value() : json::Value(text); };
    return json::Object{{"name", name},
                        {"url", url},
                        {"api_key_file", or_null(api_key_file)},
                        {"ca_file", or_null(ca_file)},
                        {"current", is_current}};
}

std::string profile_name_rule(const std::string& name) {
    const bool valid = !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
        return is_letter(c) || is_digit(c) || c == '-' || c == '_';
    });
    return valid ? "" : fmt::format("a name of up to {} letters, digits, - and _", kNameBytesMax);
}

const Profile* Profiles::find(std::string_view name) const {
    const auto found = std::ranges::find(all, name, &Profile::name);
    return found == all.end() ? nullptr : &*found;
}

Result<Profiles> Profiles::read() {
    const std::string path = path_of_profiles();
    std::error_code ignored;
    if (path.empty() || !std::filesystem::exists(path, ignored)) return Profiles{};
    LEDGERLINE_TRY(const std::string text, roles::read_config_file("profiles", path));
    return parse(path, text);
}

Result<void> Profiles::write() const {
    const std::string path = path_of_profiles();
    if (path.empty()) return bad_usage(fmt::format("there is no place for profiles: set HOME or {}", kPathVariable));
    std::error_code failed;
    if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
        std::filesystem::create_directories(folder, failed);
    if (failed) return bad_usage(fmt::format("{} cannot be made: {}", path, failed.message()));
    json::Array profiles;
    for (const Profile& profile : all) {
        json::Value object = profile.to_json(false);
        std::erase_if(*object.if_object(), [](const json::Member& member) { return member.first == "current"; });
        profiles.push_back(std::move(object));
    }
    LEDGERLINE_TRY(NewFile file, NewFile::create(path, 0600));
    LEDGERLINE_CHECK(
        file.write(json::serialize(json::Object{{"current", current}, {"profiles", std::move(profiles)}}) + '\n'));
    return file.replace();
}

Result<ServerOptions> with_profile(ServerOptions options) {
    if (!options.url.empty()) return options;
    LEDGERLINE_TRY(const Profiles profiles, Profiles::read());
    const std::string& name = options.profile.empty() ? profiles.current : options.profile;
    if (name.empty()) {
        options.url = kDefaultUrl;
        return options;
    }
    const Profile* profile = profiles.find(name);
    if (!profile) return bad_usage(fmt::format("there is no profile '{}' (see ledgerline profile list)", name));
    options.url = profile->url;
    if (options.api_key_file.empty() && options.token_file.empty() && !std::getenv(api_key_variable))
        options.api_key_file = profile->api_key_file;
    if (options.ca_file.empty()) options.ca_file = profile->ca_file;
    return options;
}

}  // namespace ledgerline::cli
