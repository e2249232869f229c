// JsonObject: writes one JSON object, member by member, directly into a string.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/uuid.h"

namespace ledgerline {

class JsonObject {
public:
    // Appends to out, which must outlive this. close() ends the object.
    explicit JsonObject(std::string& out) : out_(out) { out_.push_back('{'); }
    void close() { out_.push_back('}'); }

    JsonObject& add(std::string_view name, std::string_view text) {
        begin(name);
        json::append_quoted(text, out_);
        return *this;
    }
    JsonObject& add(std::string_view name, const char* text) { return add(name, std::string_view(text)); }
    JsonObject& add(std::string_view name, const std::string& text) { return add(name, std::string_view(text)); }
    JsonObject& add(std::string_view name, std::int64_t number) { return add_raw(name, std::to_string(number)); }
    JsonObject& add(std::string_view name, int number) { return add_raw(name, std::to_string(number)); }
    JsonObject& add(std::string_view name, bool boolean) { return add_raw(name, boolean ? "true" : "false"); }
    JsonObject& add(std::string_view name, const Uuid& id) {
        begin(name);
        out_.push_back('"');
        id.append_to(out_);
        out_.push_back('"');
        return *this;
    }
    JsonObject& add(std::string_view name, WallTime time) { return add(name, std::string_view(format_rfc3339(time))); }
    template <class T>
    JsonObject& add(std::string_view name, const std::optional<T>& value) {
        return value ? add(name, *value) : add_raw(name, "null");
    }

    // text must be valid JSON.
    JsonObject& add_raw(std::string_view name, std::string_view text) {
        begin(name);
        out_ += text;
        return *this;
    }
    JsonObject& add_raw(std::string_view name, const std::optional<std::string>& text) {
        return add_raw(name, text ? std::string_view(*text) : std::string_view("null"));
    }
    JsonObject& add_raw(std::string_view name, const std::string& text) {
        return add_raw(name, std::string_view(text));
    }
    JsonObject& add_raw(std::string_view name, const char* text) { return add_raw(name, std::string_view(text)); }

    // Begins a member; the caller appends its value to the string next.
    void begin(std::string_view name) {
        if (!first_) out_.push_back(',');
        first_ = false;
        json::append_quoted(name, out_);
        out_.push_back(':');
    }

private:
    std::string& out_;
    bool first_ = true;
};

}  // namespace ledgerline
