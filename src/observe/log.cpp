#include "observe/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "base/last_words.h"
#include "base/text.h"
#include "observe/line_writer.h"

namespace ledgerline::log {
namespace {

struct Settings {
    Level least = Level::info;
    Format format = default_format();
    std::string role = "ledgerline";
};

// Never destroyed: threads left running may still log while the process ends.
std::atomic<std::shared_ptr<const Settings>>& settings() {
    static auto& current = *new std::atomic<std::shared_ptr<const Settings>>(std::make_shared<const Settings>());
    return current;
}

std::string_view name_of(Level level) {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warn:
            return "warn";
        case Level::error:
            return "error";
        case Level::off:
            break;
    }
    LEDGERLINE_ASSERT(false);
}

std::string json_line(Level level, std::string_view message, Fields fields, const Settings& current) {
    std::string line;
    line.reserve(256);
    const auto append = [&](std::string_view name, std::string_view text) {
        line += line.empty() ? "{" : ",";
        json::append_quoted(name, line);
        line += ':';
        json::append_quoted(text, line);
    };
    append("time", format_rfc3339(SystemClock().wall_now()));
    append("level", name_of(level));
    append("service", "ledgerline");
    append("role", current.role);
    append("message", message);
    for (const Field& field : fields) {
        line += ',';
        json::append_quoted(field.name, line);
        line += ':';
        json::serialize(field.value, line);
    }
    return line + '}';
}

// A control character in a value must not be able to forge a line.
std::string plain_value(const json::Value& value) {
    const std::string* text = value.if_string();
    const bool bare = text && text->find_first_of(" \"\\") == std::string::npos &&
                      std::all_of(text->begin(), text->end(), [](unsigned char c) { return c >= 0x20; });
    return bare ? *text : json::serialize(value);
}

bool is_empty(const json::Value& value) {
    const std::string* text = value.if_string();
    return value.is_null() || (text && text->empty());
}

const json::Value* value_of(Fields fields, std::string_view name) {
    const auto found = std::ranges::find(fields, name, &Field::name);
    return found == fields.end() ? nullptr : &found->value;
}

// "POST /v1/transfers 402 3.120 ms code=insufficient_balance request_id=..."
std::string plain_request(Fields fields) {
    std::string line;
    for (const std::string_view name : {"method", "path", "status", "duration_ms"})
        if (const json::Value* value = value_of(fields, name); value && !is_empty(*value))
            line += plain_value(*value) + ' ';
    line += "ms";
    const json::Value* code = value_of(fields, "code");
    if (!code || is_empty(*code)) return line;
    for (const std::string_view name : {"code", "request_id", "reason"})
        if (const json::Value* value = value_of(fields, name); value && !is_empty(*value))
            line += fmt::format(" {}={}", name, plain_value(*value));
    return line;
}

std::string plain_line(Level level, std::string_view message, Fields fields, const Settings& current) {
    std::string line = fmt::format("{} {:<5} {} ", format_rfc3339(SystemClock().wall_now()).substr(11, 12),
                                   name_of(level), current.role);
    if (message == request_answered) return line + plain_request(fields);
    line += message;
    for (const Field& field : fields)
        if (!is_empty(field.value)) line += fmt::format(" {}={}", field.name, plain_value(field.value));
    return line;
}

std::string line_of(Level level, std::string_view message, Fields fields) {
    const auto current = settings().load();
    // Fields hold text from outside, and the log may be shown on a terminal.
    return current->format == Format::json ? printable_json(json_line(level, message, fields, *current))
                                           : printable(plain_line(level, message, fields, *current));
}

LineWriter& writer() {
    static auto& lines = *new LineWriter(STDERR_FILENO, queue_bytes_max, [](std::uint64_t dropped) {
        return line_of(Level::warn, "log lines were dropped: stderr was not read", {{"lines", dropped}});
    });
    return lines;
}

void say_and_flush(std::string_view line) {
    print(line);
    flush();
}

}  // namespace

Format default_format() { return isatty(STDERR_FILENO) ? Format::plain : Format::json; }

void configure(Level least, Format format, std::string role) {
    settings().store(std::make_shared<const Settings>(Settings{least, format, std::move(role)}));
    set_last_words(say_and_flush);
}

bool enabled(Level level) { return level >= settings().load()->least; }

void write(Level level, std::string_view message, Fields fields) {
    if (enabled(level)) writer().push(line_of(level, message, fields));
}

void print(std::string_view line) { writer().push(std::string(line)); }

bool flush(milliseconds at_most) { return writer().flush(at_most); }

std::uint64_t dropped_lines() { return writer().dropped(); }

}  // namespace ledgerline::log
