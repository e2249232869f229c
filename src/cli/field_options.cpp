#include "cli/field_options.h"

#include <fmt/format.h>

#include "base/money.h"
#include "base/tenant.h"
#include "base/text.h"
#include "base/uuid.h"
#include "cli/command_line.h"
#include "cli/output.h"
#include "cli/server.h"

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kLaneMax = 9999;
constexpr milliseconds kAgeMin{1000};

}  // namespace

std::string tenant_rule(const std::string& value) {
    if (is_tenant_name(value)) return "";
    return fmt::format("1 to {} lower-case letters and digits, with hyphens between them", tenant_name_chars_max);
}

std::string uuid_rule(const std::string& value) {
    return Uuid::parse(value) ? "" : "an id, a UUID in its 36-character form";
}

void declare_currency(Command& command, std::string& currency, const std::string& help, bool required) {
    command.parsed({"--currency", "CODE", help, no_variable, required}, currency,
                   [&currency](const std::string& value) -> std::string {
                       if (!is_currency_form(value)) return "a currency code of three capital letters, such as EUR";
                       currency = value;
                       return "";
                   });
}

void declare_time(Command& command, const Clock& clock, const char* flag, const std::string& help, std::string& time) {
    command.parsed({flag, "WHEN", help, no_variable}, "", [&clock, &time](const std::string& value) -> std::string {
        const bool has_unit = !value.empty() && !is_digit(value.back());
        if (const auto age = parse_duration(value); age && has_unit)
            time = format_rfc3339(clock.wall_now() - *age);
        else if (parse_rfc3339(value))
            time = value;
        else
            return "an RFC 3339 time, such as 2026-01-31T09:00:00Z, or an age, such as 30m or 24h";
        return "";
    });
}

void declare_key(Command& command, std::string& key, const std::string& does) {
    command.option(
        {"--key", "KEY",
         fmt::format("Idempotency key: the same key never {} twice; by default each command uses a new key", does),
         no_variable},
        key);
}

std::string key_or_new(const roles::Environment& environment, const std::string& key) {
    return key.empty() ? UuidGenerator(environment.clock, environment.random).next().to_string() : key;
}

Error with_key(Error error, const std::string& flag, const std::string& key) {
    if (http::may_have_been_executed(error))
        error.message += fmt::format("; repeat the command with {} {} to find out", flag, key);
    return error;
}

void declare_metadata(Command& command, json::Value& metadata) {
    command.parsed({"--metadata", "JSON", "An object to store with it", no_variable}, "",
                   [&metadata](const std::string& value) -> std::string {
                       auto parsed = json::parse(value);
                       if (!parsed) return fmt::format("a JSON object ({})", parsed.error().message);
                       if (!parsed->if_object()) return "a JSON object";
                       metadata = *std::move(parsed);
                       return "";
                   });
}

void declare_letter_filter(Command& command, LetterFilter& filter) {
    command.choice({"--class", "", "Only letters of this error class", no_variable}, filter.error_class,
                   {"permanent", "unknown", "foreign"});
    command.option({"--code", "CODE", "Only letters with this error code", no_variable}, filter.error_code);
    command.option({"--account", "ACCOUNT", "Only letters of this account: its id or reference", no_variable},
                   filter.account);
    command.option({"--lane", "N", "Only letters of this lane; foreign ones have none", no_variable}, filter.lane, 0,
                   kLaneMax);
    command.option({"--older-than", "TIME", "Only letters whose last failure is at least this old", no_variable},
                   filter.older_than, kAgeMin, duration_max);
    command.option({"--newer-than", "TIME", "Only letters whose last failure is more recent than this", no_variable},
                   filter.newer_than, kAgeMin, duration_max);
}

bool LetterFilter::is_empty() const {
    return error_class.empty() && error_code.empty() && account.empty() && !lane && !older_than && !newer_than;
}

Result<LetterQuery> LetterFilter::query(Server& server, WallTime now) const {
    LetterQuery query{query_of("error_class", error_class) + query_of("error_code", error_code), {}};
    if (!account.empty()) {
        LEDGERLINE_TRY(const std::string id, resolve_account(server, account));
        query.filters += query_of("account_id", id);
    }
    if (lane) query.filters += query_of("lane", std::to_string(*lane));
    if (newer_than) query.filters += query_of("failed_after", format_rfc3339(now - *newer_than));
    if (older_than) query.failed_before = query_of("failed_before", format_rfc3339(now - *older_than));
    return query;
}

}  // namespace ledgerline::cli
