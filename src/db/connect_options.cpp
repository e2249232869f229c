#include "db/connect_options.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/text.h"

namespace ledgerline::db {
namespace {

using Settings = std::map<std::string, std::string>;

// No setting has this value: libpq refuses it after it has put all settings together and before it connects. So this
// asks libpq which settings it would connect with.
constexpr const char* kNoValue = "ledgerline-only-asks";

constexpr milliseconds kConnectTimeoutMin{2000};

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using OptionList = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::unexpected<Error> refused(std::string_view reason, std::string_view url) {
    return failure(Disposition::stop, std::string(invalid_database_url),
                   "the database URL is not one that libpq accepts: " + without_secrets(peer_text(reason), url));
}

Result<void> check_syntax(const std::string& url) {
    char* reason = nullptr;
    const OptionList parsed(PQconninfoParse(url.c_str(), &reason));
    const std::string text = reason ? reason : "out of memory";
    PQfreemem(reason);
    if (!parsed) return refused(text, url);
    return {};
}

// All settings except the one used to stop libpq.
Result<Settings> ask_libpq(const std::string& url, const char* stopper) {
    const char* keywords[] = {"dbname", stopper, nullptr};
    const char* values[] = {url.c_str(), kNoValue, nullptr};
    const std::unique_ptr<PGconn, void (*)(PGconn*)> raw(PQconnectStartParams(keywords, values, 1), PQfinish);
    const std::string reason = raw ? PQerrorMessage(raw.get()) : "out of memory";
    if (!reason.contains(kNoValue)) return refused(reason, url);
    const OptionList options(PQconninfo(raw.get()));
    if (!options) return refused("out of memory", url);
    Settings settings;
    for (const PQconninfoOption* option = options.get(); option->keyword; ++option)
        if (option->val && std::string_view(option->keyword) != stopper) settings[option->keyword] = option->val;
    return settings;
}

Result<Settings> read_settings(const std::string& url) {
    LEDGERLINE_TRY(Settings settings, ask_libpq(url, "gssencmode"));
    LEDGERLINE_TRY(const Settings others, ask_libpq(url, "channel_binding"));
    if (const auto found = others.find("gssencmode"); found != others.end()) settings.insert(*found);
    return settings;
}

std::string take(Settings& settings, const char* name) {
    auto node = settings.extract(name);
    return node.empty() ? "" : std::move(node.mapped());
}

std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> items;
    std::size_t begin = 0;
    while (true) {
        const auto comma = text.find(',', begin);
        items.push_back(text.substr(begin, comma - begin));
        if (comma == std::string::npos) return items;
        begin = comma + 1;
    }
}

// libpq has checked that the lists have matching lengths, but checks a port only when it is about to use it.
Result<std::vector<ConnectTarget>> read_targets(Settings& settings, std::string_view url) {
    const auto hosts = split_list(take(settings, "host"));
    const auto addresses = split_list(take(settings, "hostaddr"));
    const auto ports = split_list(take(settings, "port"));
    for (const std::string& port : ports)
        if (!port.empty() && !parse_port(port)) return refused(fmt::format("invalid port number: \"{}\"", port), url);
    std::vector<ConnectTarget> targets(std::max(hosts.size(), addresses.size()));
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (i < hosts.size()) targets[i].host = hosts[i];
        if (i < addresses.size()) targets[i].hostaddr = addresses[i];
        targets[i].port = ports.size() == 1 ? ports.front() : i < ports.size() ? ports[i] : "";
    }
    return targets;
}

// In seconds, as libpq reads it; less than two means two. Zero or less means no limit to libpq, and our own limit here.
Result<std::optional<milliseconds>> read_timeout(const std::string& text, std::string_view url) {
    if (text.empty()) return std::nullopt;
    const auto seconds = parse_integer<int>(text);
    if (!seconds)
        return refused(fmt::format("invalid integer value \"{}\" for connection option \"connect_timeout\"", text),
                       url);
    if (*seconds <= 0) return std::nullopt;
    return std::max(kConnectTimeoutMin, milliseconds(std::chrono::seconds(*seconds)));
}

// Where in the URL a password may be: [begin, end).
using Range = std::pair<std::size_t, std::size_t>;

std::vector<Range> secret_ranges(std::string_view url) {
    std::vector<Range> ranges;
    const auto scheme = url.find("://");
    const bool is_url = scheme != std::string_view::npos;
    const auto start = is_url ? scheme + 3 : 0;
    // A password that is not percent-encoded may contain any character.
    const auto colon = url.find(':', start);
    const auto at = url.rfind('@');
    if (colon != std::string_view::npos && at != std::string_view::npos && colon < at)
        ranges.emplace_back(colon + 1, at);
    for (auto key = url.find("pass"); key != std::string_view::npos; key = url.find("pass", key + 1))
        ranges.emplace_back(key, is_url ? std::min(url.find('&', key), url.size()) : url.size());
    return ranges;
}

bool may_be_secret(std::string_view quoted, std::string_view url) {
    if (quoted.size() < 2) return false;  // punctuation
    const auto ranges = secret_ranges(url);
    for (auto at = url.find(quoted); at != std::string_view::npos; at = url.find(quoted, at + 1))
        for (const auto& [begin, end] : ranges)
            if (at < end && at + quoted.size() > begin) return true;
    // A decoded password does not appear literally; nor does a long quotation of more than one value.
    return !ranges.empty() && url.find(quoted) == std::string_view::npos && quoted.find_first_of("%:@") != quoted.npos;
}

// libpq's default is also "any", and does not show that nobody set it. (A value from a service file counts as the
// default.)
bool somebody_says_attributes(const std::string& url) {
    const OptionList given(PQconninfoParse(url.c_str(), nullptr));
    for (const PQconninfoOption* option = given.get(); option && option->keyword; ++option)
        if (std::string_view(option->keyword) == "target_session_attrs" && option->val) return true;
    return std::getenv("PGTARGETSESSIONATTRS") != nullptr;
}

constexpr std::string_view kAttributes[] = {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"};

}  // namespace

std::string ConnectTarget::to_string() const {
    const std::string& name = host.empty() ? hostaddr : host;
    return fmt::format("{}:{}",
                       name.empty()         ? "the default host"
                       : name.contains(':') ? "[" + name + "]"
                                            : name,
                       port.empty() ? "5432" : port);
}

std::string without_secrets(std::string_view reason, std::string_view url) {
    std::string out;
    std::string_view rest = reason;
    while (true) {
        const auto open = rest.find('"');
        // A quoted value may itself contain quotes; then everything between the outermost ones belongs to it.
        const auto close = open == std::string_view::npos ? open : rest.find('"', open + 1);
        if (close == std::string_view::npos) break;
        const auto last = rest.rfind('"');
        const std::string_view quoted = rest.substr(open + 1, close - open - 1);
        out += rest.substr(0, open);
        if (may_be_secret(quoted, url)) {
            out += "\"...\"";
            rest.remove_prefix(last + 1);
        } else {
            out += rest.substr(open, close - open + 1);
            rest.remove_prefix(close + 1);
        }
    }
    return out + std::string(rest);
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_server_options(std::string_view options) {
    // Words are separated by blanks; a backslash takes the next character literally.
    std::vector<std::string> words;
    bool in_word = false;
    for (std::size_t i = 0; i < options.size(); ++i) {
        if (std::string_view(" \t\n\r\f\v").contains(options[i])) {
            in_word = false;
            continue;
        }
        if (!std::exchange(in_word, true)) words.emplace_back();
        if (options[i] == '\\' && i + 1 < options.size()) ++i;
        words.back().push_back(options[i]);
    }
    std::vector<std::pair<std::string, std::string>> settings;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string word = words[i];
        if (word == "-c" && i + 1 < words.size())
            word = words[++i];
        else if (word.starts_with("-c") || word.starts_with("--"))
            word.erase(0, 2);
        else
            return std::nullopt;
        const auto equals = word.find('=');
        if (equals == std::string::npos || equals == 0) return std::nullopt;
        std::string name = word.substr(0, equals);
        std::ranges::replace(name, '-', '_');
        settings.emplace_back(std::move(name), word.substr(equals + 1));
    }
    return settings;
}

Result<ConnectOptions> read_connect_options(const std::string& url) {
    LEDGERLINE_CHECK(check_syntax(url));
    LEDGERLINE_TRY(Settings settings, read_settings(url));
    ConnectOptions options;
    LEDGERLINE_TRY(options.targets, read_targets(settings, url));
    LEDGERLINE_TRY(options.connect_timeout, read_timeout(take(settings, "connect_timeout"), url));
    options.target_session_attrs = take(settings, "target_session_attrs");
    if (!options.target_session_attrs.empty() &&
        std::ranges::find(kAttributes, options.target_session_attrs) == std::end(kAttributes))
        return refused(fmt::format("invalid target_session_attrs value: \"{}\"", options.target_session_attrs), url);
    if (options.target_session_attrs == "any" && !somebody_says_attributes(url)) options.target_session_attrs.clear();
    options.server_options = take(settings, "options");
    for (const char* name : {"service", "servicefile", "application_name", "client_encoding"}) take(settings, name);
    options.settings = std::move(settings);
    return options;
}

}  // namespace ledgerline::db
