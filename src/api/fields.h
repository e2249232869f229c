// Fields: reads the members of one JSON object strictly, and keeps all that is wrong with them.
//
//     Fields fields(body, "");
//     fields.require("currency");
//     account.currency = fields.currency("currency").value_or("");
//     if (auto broken = fields.finish()) return std::unexpected(std::move(*broken));
//
// Each member is read at most once, by name; finish() complains about members that were not read. A member that is null
// counts as absent. What is wrong reads as absent, so that callers need to check only once, at the end. A member has
// one fault at most: the first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/faults.h"
#include "api/problem_code.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/uuid.h"

namespace ledgerline::api {

// The number of Unicode code points of valid UTF-8.
std::size_t code_points(std::string_view utf8);
inline constexpr std::size_t account_reference_chars_max = 255;  // code points
inline constexpr std::size_t reason_chars_max = 500;             // code points, of an operator's decision
// Whether valid UTF-8 text contains a control character (U+0000 to U+001F, U+007F to U+009F).
bool has_control_characters(std::string_view utf8);

// Where a member of the object at path is: "transactions[3].currency"; path is "" for the body itself.
std::string member_path(std::string_view path, std::string_view name);

class Fields {
public:
    // value must be an object and outlive this. path: the location of value, "" for the body, otherwise such as
    // "transactions[3]".
    Fields(const json::Value& value, std::string path);
    // For an object inside of parent's, which must outlive this: its faults are parent's.
    Fields(const json::Value& value, std::string path, Fields& parent);

    // Empty when the member is absent or invalid.
    std::optional<std::string> text(std::string_view name, std::size_t code_points_max);
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
    std::optional<bool> truth(std::string_view name);
    std::optional<Uuid> uuid(std::string_view name);
    std::optional<std::string> currency(std::string_view name);
    std::optional<WallTime> time(std::string_view name);  // as in RFC 3339
    // A text that must be one of choices.
    std::optional<std::string> choice(std::string_view name, std::span<const std::string_view> choices);
    // An object to be stored: its text as jsonb prints it, within json::JsonbLimits.
    std::optional<std::string> object(std::string_view name);
    // Empty when the member is absent or invalid.
    const json::Array& array(std::string_view name, std::size_t least, std::size_t most);

    // Whether the member is there and not null.
    bool has(std::string_view name) const;
    // Whether the member is there and null: for the few where that means another thing than absent.
    bool is_null(std::string_view name) const;
    // Complains if the member is absent or null.
    void require(std::string_view name);
    // Records a fault of a member of this object, unless it has one.
    void complain(ProblemCode code, std::string_view name, std::string_view rule);
    // Complains about the members that were not read. finish() does so by itself.
    void close();
    // Call last. Empty when nothing is wrong, as Faults::problem() is.
    std::optional<http::Problem> finish();

    std::string path_of(std::string_view name) const { return member_path(path_, name); }

private:
    void check_type();
    const json::Value* read(std::string_view name);

    const json::Value& value_;
    const std::string path_;
    std::vector<std::string_view> read_;
    Faults own_faults_;
    Faults& faults_;  // those of the outermost object
};

}  // namespace ledgerline::api
