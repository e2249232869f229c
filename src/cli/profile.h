// Profiles: servers with names, in a file of the user's. It holds the names of files with keys, never keys.
//
// A profile is used as a whole: with its URL go its key and its certificates, and not with another URL.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/server.h"

namespace ledgerline::cli {

inline constexpr std::size_t profiles_max = 100;

struct Profile {
    std::string name;
    std::string url;
    std::string api_key_file = {};
    std::string ca_file = {};

    json::Value to_json(bool is_current) const;
};

struct Profiles {
    std::string current;  // "" for none
    std::vector<Profile> all;

    const Profile* find(std::string_view name) const;

    // From LEDGERLINE_PROFILES, or ledgerline/profiles.json in XDG_CONFIG_HOME or ~/.config; none if there is no file.
    static Result<Profiles> read();
    Result<void> write() const;
};

// The rule for a name.
std::string profile_name_rule(const std::string& name);

// The options with what the profile adds that they name, or else the current one. Error bad_usage: there is none of
// that name.
Result<ServerOptions> with_profile(ServerOptions options);

}  // namespace ledgerline::cli
