#include "observe/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>

namespace ledgerline::log {
namespace {

struct Settings {
    Level least = Level::info;
    Format format = default_format();
    std::string service = "ledgerline";
};

std::atomic<std::shared_ptr<const Settings>>& settings() {
    static std::atomic<std::shared_ptr<const Settings>> current{std::make_shared<const Settings>()};
    return current;
}

spdlog::logger& sink() {
    // The sink writes each line whole. Lines are put together here, because its own JSON patterns do not escape.
    static auto logger = [] {
        auto made = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        return made;
    }();
    return *logger;
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
    json::Object line{{"time", format_rfc3339(SystemClock().wall_now())},
                      {"level", name_of(level)},
                      {"service", current.service},
                      {"message", message}};
    for (const Field& field : fields) line.emplace_back(field.name, field.value);
    return json::serialize(json::Value(std::move(line)));
}

std::string plain_line(Level level, std::string_view message, Fields fields) {
    std::string line = format_rfc3339(SystemClock().wall_now()).substr(11, 12);
    line += ' ';
    line += name_of(level);
    line += std::string(6 - name_of(level).size(), ' ');
    line += message;
    for (const Field& field : fields) {
        line += ' ';
        line += field.name;
        line += '=';
        const std::string* text = field.value.if_string();
        // A control character in a value must not be able to forge a line.
        const bool bare = text && text->find_first_of(" \"\\") == std::string::npos &&
                          std::all_of(text->begin(), text->end(), [](unsigned char c) { return c >= 0x20; });
        line += bare ? *text : json::serialize(field.value);
    }
    return line;
}

}  // namespace

Format default_format() { return isatty(STDERR_FILENO) ? Format::plain : Format::json; }

void configure(Level least, Format format, std::string service) {
    settings().store(std::make_shared<const Settings>(Settings{least, format, std::move(service)}));
}

void write(Level level, std::string_view message, Fields fields) {
    const auto current = settings().load();
    if (level < current->least) return;
    sink().info(current->format == Format::json ? json_line(level, message, fields, *current)
                                                : plain_line(level, message, fields));
    if (level >= Level::warn) sink().flush();
}

}  // namespace ledgerline::log
