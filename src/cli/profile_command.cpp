#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/profile.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

struct Options {
    OutputOptions output;
    Profile profile;
};

const Field kProfileFields[] = {{"name", "name"},
                                {"url", "url"},
                                {"current", "current"},
                                spare({"api_key_file", "api_key_file"}),
                                spare({"ca_file", "ca_file"})};

std::unexpected<Error> no_such(const std::string& name) {
    return failure(Disposition::refuse, std::string(roles::bad_usage),
                   fmt::format("there is no profile '{}' (see ledgerline profile list)", name));
}

Result<int> list(const roles::Environment& environment, const Options& options) {
    LEDGERLINE_TRY(const Profiles profiles, Profiles::read());
    std::vector<json::Value> rows;
    for (const Profile& profile : profiles.all) rows.push_back(profile.to_json(profile.name == profiles.current));
    print_list(environment, options.output, kProfileFields, rows, "profiles");
    return roles::exit_ok;
}

Result<int> set(const roles::Environment& environment, const Options& options) {
    if (const auto url = http::BaseUrl::parse(options.profile.url); !url)
        return failure(Disposition::refuse, std::string(roles::bad_usage), "--url: " + url.error().message);
    LEDGERLINE_TRY(Profiles profiles, Profiles::read());
    Profile profile = options.profile;
    // Commands may be given in another folder.
    for (std::string* path : {&profile.api_key_file, &profile.ca_file})
        if (!path->empty()) *path = std::filesystem::absolute(*path).string();
    std::erase_if(profiles.all, [&](const Profile& other) { return other.name == profile.name; });
    if (profiles.all.size() >= profiles_max)
        return failure(Disposition::refuse, std::string(roles::bad_usage),
                       fmt::format("there are {} profiles already: delete one", profiles_max));
    profiles.all.push_back(profile);
    LEDGERLINE_CHECK(profiles.write());
    print_object(environment, options.output, profile.to_json(profile.name == profiles.current));
    return roles::exit_ok;
}

Result<int> use(const roles::Environment& environment, const Options& options) {
    LEDGERLINE_TRY(Profiles profiles, Profiles::read());
    const Profile* profile = profiles.find(options.profile.name);
    if (!profile) return no_such(options.profile.name);
    profiles.current = profile->name;
    LEDGERLINE_CHECK(profiles.write());
    print_object(environment, options.output, profile->to_json(true));
    return roles::exit_ok;
}

Result<int> leave(const roles::Environment&, const Options&) {
    LEDGERLINE_TRY(Profiles profiles, Profiles::read());
    profiles.current.clear();
    LEDGERLINE_CHECK(profiles.write());
    return roles::exit_ok;
}

Result<int> remove(const roles::Environment&, const Options& options) {
    LEDGERLINE_TRY(Profiles profiles, Profiles::read());
    if (!profiles.find(options.profile.name)) return no_such(options.profile.name);
    std::erase_if(profiles.all, [&](const Profile& each) { return each.name == options.profile.name; });
    if (profiles.current == options.profile.name) profiles.current.clear();
    LEDGERLINE_CHECK(profiles.write());
    return roles::exit_ok;
}

std::shared_ptr<Options> declare(Command& command, const roles::Environment& environment,
                                 Result<int> (*work)(const roles::Environment&, const Options&)) {
    auto options = std::make_shared<Options>();
    command.action([&environment, options, work] {
        const Result<int> code = work(environment, *options);
        return code ? *code : report(environment, code.error());
    });
    return options;
}

void declare_name(Command& command, Options& options) {
    command.positional("NAME", "The profile's name", options.profile.name, profile_name_rule);
}

}  // namespace

void declare_profiles(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("profile", "Keep the addresses, key files and certificates of servers under names");
    family.alias("profiles");
    Command list_command = family.add("list", "List profiles");
    declare_output_option(list_command, declare(list_command, environment, list)->output, Formats::list);

    Command set_command = family.add("set", "Add a profile, or change it");
    const auto given = declare(set_command, environment, set);
    declare_name(set_command, *given);
    set_command.option({"--url", "URL", "The server's address", no_variable, true}, given->profile.url);
    set_command.option({"--api-key-file", "FILE", "File with the API key in its first line", no_variable},
                       given->profile.api_key_file);
    set_command.option({"--ca-file", "FILE", "File with the certificates to trust, in PEM", no_variable},
                       given->profile.ca_file);
    declare_output_option(set_command, given->output);
    set_command.notes(
        "Example:\n"
        "  ledgerline profile set prod --url https://ledger.example --api-key-file ~/.ledgerline-key\n"
        "  ledgerline profile use prod");

    Command use_command = family.add("use", "Use a profile for all commands that name no server");
    const auto used = declare(use_command, environment, use);
    declare_name(use_command, *used);
    declare_output_option(use_command, used->output);

    Command leave_command = family.add("leave", "Use no profile");
    declare(leave_command, environment, leave);

    Command delete_command = family.add("delete", "Forget a profile");
    declare_name(delete_command, *declare(delete_command, environment, remove));
}

}  // namespace ledgerline::cli
