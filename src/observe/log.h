// Logs: one line per event on stderr, JSON for programs or plain text for people. Safe to use from any thread.
//
// Plain lines leave out what is empty. That of a request fits 120 columns: method, path, status and duration, and its
// id only if it was refused.
//
// Nobody waits for stderr: a line goes into a queue, and is dropped and counted when the queue is full (LineWriter).
// Call flush() before ending the process.
//
// Never log bodies, idempotency keys or credentials. The correlation fields are request_id, trace_id, event_id,
// transaction_id, account_id, lane and seq.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/uuid.h"

namespace ledgerline::log {

enum class Level { debug, info, warn, error, off };  // off: only for configure(); nothing is written
enum class Format { json, plain };

struct Field {
    std::string_view name;
    json::Value value;

    Field(std::string_view n, const Uuid& id) : name(n), value(id.to_string()) {}
    Field(std::string_view n, bool boolean) : name(n), value(boolean) {}
    template <std::integral T>
    Field(std::string_view n, T number) : name(n), value(static_cast<std::int64_t>(number)) {}
    Field(std::string_view n, std::string_view text) : name(n), value(text) {}
    // A null pointer, with which C libraries represent an absent value, becomes JSON null.
    Field(std::string_view n, const char* text) : name(n), value(text ? json::Value(text) : json::Value()) {}
    Field(std::string_view n, const std::string& text) : name(n), value(text) {}
};
using Fields = std::initializer_list<Field>;

// How much may wait for stderr to be read; beyond it, lines are dropped.
inline constexpr std::size_t queue_bytes_max = 1024 * 1024;
// How long the process waits at its end for queued lines to be written.
inline constexpr milliseconds exit_flush_max{1000};

// The message of the API's line for each request.
inline constexpr std::string_view request_answered = "request answered";

// The defaults until it is called: level info, plain when stderr is a terminal and JSON otherwise, role "ledgerline".
void configure(Level least, Format format, std::string role);
Format default_format();

// Whether lines of this level are written: check before collecting expensive fields.
bool enabled(Level level);
void write(Level level, std::string_view message, Fields fields = {});
inline void debug(std::string_view message, Fields fields = {}) { write(Level::debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::info, message, fields); }
inline void warn(std::string_view message, Fields fields = {}) { write(Level::warn, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::error, message, fields); }

// Writes a line for people that is not a log line, in order with the log lines.
void print(std::string_view line);

// Waits until everything is written, at most this long. Returns whether everything is.
bool flush(milliseconds at_most = exit_flush_max);
// Lines dropped since the start of the process.
std::uint64_t dropped_lines();

}  // namespace ledgerline::log
