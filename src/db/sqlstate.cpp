#include "db/sqlstate.h"

#include <algorithm>

namespace ledgerline::db {
namespace {

// A code of five characters, or the prefix of a group of codes. The longest match wins.
struct Rule {
    std::string_view prefix;
    FailureClass failure_class;
};

constexpr Rule kRules[] = {
    {"08", FailureClass::transient},            // connection exception
    {"0A000", FailureClass::transient},         // "cached plan must not change result type": prepare again
    {"25", FailureClass::transient},            // read-only, idle for too long, or in an unexpected transaction state
    {"26000", FailureClass::transient},         // the prepared statement is gone: a pooler, or DISCARD ALL
    {"40001", FailureClass::transient},         // serialization failure
    {"40003", FailureClass::transient},         // statement completion unknown
    {"40P01", FailureClass::transient},         // deadlock
    {"42501", FailureClass::transient},         // rights are missing: a fault of the installation, never of a row
    {"42P05", FailureClass::transient},         // the prepared statement already exists: a pooler shares the session
    {"53", FailureClass::transient},            // insufficient resources
    {"55P03", FailureClass::transient},         // lock not available in time
    {"55006", FailureClass::transient},         // object in use
    {"57014", FailureClass::transient},         // query cancelled: statement_timeout
    {"57P0", FailureClass::transient},          // shutting down, crashed, starting up
    {"58", FailureClass::transient},            // system error outside PostgreSQL: disk, files
    {demand_not_met, FailureClass::transient},  // the rows have moved on since they were read

    {"22", FailureClass::permanent},  // data exception
    {"23", FailureClass::permanent},  // integrity constraint violation

    {"28", FailureClass::fatal},     // invalid authorization
    {"3D", FailureClass::fatal},     // no such database
    {"42P01", FailureClass::fatal},  // no such table
    {"42703", FailureClass::fatal},  // no such column
    {"XX", FailureClass::fatal},     // internal error, data corrupted
};

constexpr std::string_view kContention[] = {
    "0A000", "25P03", "26000", "40001", "40P01", lock_not_available, query_canceled, demand_not_met,
};

}  // namespace

FailureClass classify(std::string_view sqlstate) {
    FailureClass found = FailureClass::unknown;
    std::size_t longest = 0;
    for (const Rule& rule : kRules) {
        if (!sqlstate.starts_with(rule.prefix) || rule.prefix.size() <= longest) continue;
        found = rule.failure_class;
        longest = rule.prefix.size();
    }
    return found;
}

bool is_session_lost(std::string_view sqlstate) { return sqlstate.starts_with("08") || sqlstate.starts_with("57P0"); }

bool is_session_useless(std::string_view sqlstate) {
    return is_session_lost(sqlstate) || sqlstate.starts_with("25") || sqlstate == "0A000" || sqlstate == "26000" ||
           sqlstate == "42P05";
}

bool is_contention(std::string_view sqlstate) {
    return std::ranges::find(kContention, sqlstate) != std::end(kContention);
}

bool is_sqlstate(std::string_view text) {
    const auto fits = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    return text.size() == 5 && std::ranges::all_of(text, fits);
}

std::string_view name_of(FailureClass failure_class) {
    switch (failure_class) {
        case FailureClass::transient:
            return "transient";
        case FailureClass::permanent:
            return "permanent";
        case FailureClass::unknown:
            return "unknown";
        case FailureClass::fatal:
            return "fatal";
    }
    LEDGERLINE_ASSERT(false);
}

Disposition disposition_of(FailureClass failure_class) {
    switch (failure_class) {
        case FailureClass::transient:
            return Disposition::retry;
        case FailureClass::permanent:
        case FailureClass::unknown:
            return Disposition::refuse;
        case FailureClass::fatal:
            return Disposition::stop;
    }
    LEDGERLINE_ASSERT(false);
}

}  // namespace ledgerline::db
