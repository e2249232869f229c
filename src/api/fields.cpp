#include "api/fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/jsonb.h"
#include "base/money.h"

namespace ledgerline::api {
namespace {

constexpr std::size_t kTimeCharsMax = 40;

}  // namespace

std::size_t code_points(std::string_view utf8) {
    return static_cast<std::size_t>(
        std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool has_control_characters(std::string_view utf8) {
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto byte = static_cast<unsigned char>(utf8[i]);
        if (byte < 0x20 || byte == 0x7f) return true;
        // U+0080 to U+009F are C2 80 to C2 9F.
        if (byte == 0xc2 && i + 1 < utf8.size() && static_cast<unsigned char>(utf8[i + 1]) < 0xa0) return true;
    }
    return false;
}

std::string member_path(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

Fields::Fields(const json::Value& value, std::string path)
    : value_(value), path_(std::move(path)), faults_(own_faults_) {
    check_type();
}

Fields::Fields(const json::Value& value, std::string path, Fields& parent)
    : value_(value), path_(std::move(path)), faults_(parent.faults_) {
    check_type();
}

void Fields::check_type() {
    if (value_.if_object()) return;
    faults_.add(problem(
        ProblemCode::invalid_field,
        path_.empty() ? "The body must be a JSON object." : fmt::format("{} must be a JSON object.", path_), path_));
}

bool Fields::has(std::string_view name) const {
    const json::Value* member = value_.find(name);
    return member && !member->is_null();
}

const json::Value* Fields::read(std::string_view name) {
    read_.push_back(name);
    return has(name) ? value_.find(name) : nullptr;
}

void Fields::complain(ProblemCode code, std::string_view name, std::string_view rule) {
    if (!value_.if_object()) return;
    std::string path = http::echo(path_of(name));
    std::string detail = fmt::format("{} {}.", path, rule);
    faults_.add(problem(code, std::move(detail), std::move(path)));
}

std::optional<std::string> Fields::text(std::string_view name, std::size_t code_points_max) {
    const json::Value* member = read(name);
    if (!member) return std::nullopt;
    const std::string* string = member->if_string();
    if (!string) {
        complain(ProblemCode::invalid_field, name, "must be a string");
    } else if (string->empty()) {
        complain(ProblemCode::invalid_field, name, "must not be empty");
    } else if (code_points(*string) > code_points_max) {
        complain(ProblemCode::invalid_field, name, fmt::format("must have at most {} characters", code_points_max));
    } else if (has_control_characters(*string)) {
        complain(ProblemCode::invalid_field, name, "must not contain control characters");
    } else {
        return *string;
    }
    return std::nullopt;
}

std::optional<std::int64_t> Fields::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const json::Value* member = read(name);
    if (!member) return std::nullopt;
    const auto number = member->if_int64();
    if (number && *number >= least && *number <= most) return number;
    if (!member->if_number()) {
        complain(ProblemCode::invalid_field, name, "must be a number");
    } else if (member->if_number()->text.find_first_of(".eE") != std::string::npos) {
        complain(ProblemCode::invalid_field, name, "must be an integer, written without a fraction or exponent");
    } else {
        complain(ProblemCode::invalid_field, name, fmt::format("must be an integer from {} to {}", least, most));
    }
    return std::nullopt;
}

std::optional<bool> Fields::truth(std::string_view name) {
    const json::Value* member = read(name);
    if (!member) return std::nullopt;
    const bool* value = member->if_bool();
    if (value) return *value;
    complain(ProblemCode::invalid_field, name, "must be true or false");
    return std::nullopt;
}

std::optional<Uuid> Fields::uuid(std::string_view name) {
    const json::Value* member = read(name);
    if (!member) return std::nullopt;
    const std::string* string = member->if_string();
    const auto id = string ? Uuid::parse(*string) : std::nullopt;
    if (!id) complain(ProblemCode::invalid_field, name, "must be a UUID in its 36-character form");
    return id;
}

std::optional<std::string> Fields::currency(std::string_view name) {
    const json::Value* member = read(name);
    if (!member) return std::nullopt;
    const std::string* string = member->if_string();
    if (string && is_currency(*string)) return *string;
    complain(ProblemCode::invalid_field, name,
             "must be the code of an asset, such as \"EUR\": GET /v1/assets lists them");
    return std::nullopt;
}

std::optional<WallTime> Fields::time(std::string_view name) {
    const auto value = text(name, kTimeCharsMax);
    if (!value) return std::nullopt;
    const auto time = parse_rfc3339(*value);
    if (!time) complain(ProblemCode::invalid_field, name, "must be a time as in RFC 3339");
    return time;
}

std::optional<std::string> Fields::choice(std::string_view name, std::span<const std::string_view> choices) {
    const json::Value* member = read(name);
    if (!member) return std::nullopt;
    const std::string* string = member->if_string();
    if (string && std::ranges::find(choices, *string) != choices.end()) return *string;
    complain(ProblemCode::invalid_field, name, fmt::format("must be one of {}", fmt::join(choices, ", ")));
    return std::nullopt;
}

std::optional<std::string> Fields::object(std::string_view name) {
    const json::Value* member = read(name);
    if (!member) return std::nullopt;
    if (!member->if_object()) {
        complain(ProblemCode::invalid_field, name, "must be a JSON object");
        return std::nullopt;
    }
    auto text = json::to_jsonb(*member);
    if (text) return *std::move(text);
    complain(ProblemCode::invalid_field, name, text.error().message);
    return std::nullopt;
}

const json::Array& Fields::array(std::string_view name, std::size_t least, std::size_t most) {
    static const json::Array empty;
    const json::Value* member = read(name);
    if (!member) return empty;
    const json::Array* items = member->if_array();
    if (items && items->size() >= least && items->size() <= most) return *items;
    complain(ProblemCode::invalid_field, name, fmt::format("must be an array of {} to {} items", least, most));
    return empty;
}

bool Fields::is_null(std::string_view name) const {
    const json::Value* member = value_.find(name);
    return member && member->is_null();
}

void Fields::require(std::string_view name) {
    if (!has(name)) complain(ProblemCode::missing_field, name, "is required");
}

void Fields::close() {
    const json::Object* const members = value_.if_object();
    if (!members) return;
    for (const auto& [name, member] : *members)
        if (std::ranges::find(read_, name) == read_.end())
            complain(ProblemCode::unknown_field, name, "is not a field of this request");
}

std::optional<http::Problem> Fields::finish() {
    close();
    return faults_.problem();
}

}  // namespace ledgerline::api
