// Flags and arguments that become fields or filters of requests, checked before anything is sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "cli/command.h"
#include "cli/server.h"

namespace ledgerline::cli {

// The rule for an argument that is an id.
std::string uuid_rule(const std::string& value);
// For the name of a tenant.
std::string tenant_rule(const std::string& value);

// --currency: ISO 4217's code, or that of one of the server's own assets, which only the server knows.
void declare_currency(Command& command, std::string& currency, const std::string& help, bool required);
// A point in time, in RFC 3339's form, also given as an age such as 24h; "" when not given.
void declare_time(Command& command, const Clock& clock, const char* flag, const std::string& help, std::string& time);
// --key, the idempotency key of a request that moves money. does: "moves money".
void declare_key(Command& command, std::string& key, const std::string& does);
// The key given, or a new one.
std::string key_or_new(const roles::Environment& environment, const std::string& key);
// A write of unknown fate whose key is new can only be found out about with that key: this adds it to the message.
Error with_key(Error error, const std::string& flag, const std::string& key);

// --metadata; null when not given.
void declare_metadata(Command& command, json::Value& metadata);

// The filter in the API's form: "&name=value" for each.
struct LetterQuery {
    std::string filters;        // all except failed_before
    std::string failed_before;  // "" when there is no such bound

    std::string all() const { return filters + failed_before; }
};

// The dead letters that a command selects.
struct LetterFilter {
    std::string error_class;
    std::string error_code;
    std::string account;  // id or reference
    std::optional<std::int64_t> lane;
    std::optional<milliseconds> older_than;
    std::optional<milliseconds> newer_than;

    bool is_empty() const;
    // Ages count back from now. Asks the server for the account's id if a reference is given.
    Result<LetterQuery> query(Server& server, WallTime now) const;
};

void declare_letter_filter(Command& command, LetterFilter& filter);

}  // namespace ledgerline::cli
