// Logs: one line an event on stderr, JSON for programs or plain for people. Safe to use from any thread.
//
// Never log bodies, idempotency keys or credentials. The correlation fields are request_id, trace_id, event_id,
// transaction_id, account_id, lane and seq.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/uuid.h"

namespace ledgerline::log {

enum class Level { debug, info, warn, error, off };  // off: only for configure(), nothing is written
enum class Format { json, plain };

struct Field {
    std::string_view name;
    json::Value value;

    Field(std::string_view n, const Uuid& id) : name(n), value(id.to_string()) {}
    Field(std::string_view n, bool boolean) : name(n), value(boolean) {}
    template <std::integral T>
    Field(std::string_view n, T number) : name(n), value(static_cast<std::int64_t>(number)) {}
    Field(std::string_view n, std::string_view text) : name(n), value(text) {}
    Field(std::string_view n, const char* text) : name(n), value(text) {}
    Field(std::string_view n, const std::string& text) : name(n), value(text) {}
};
using Fields = std::initializer_list<Field>;

// Until it is called: level info, plain when stderr is a terminal and JSON otherwise, service "ledgerline".
void configure(Level least, Format format, std::string service);
Format default_format();

void write(Level level, std::string_view message, Fields fields = {});
inline void debug(std::string_view message, Fields fields = {}) { write(Level::debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::info, message, fields); }
inline void warn(std::string_view message, Fields fields = {}) { write(Level::warn, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::error, message, fields); }

}  // namespace ledgerline::log
