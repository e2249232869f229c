#include "api/header_fields.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/fields.h"
#include "base/text.h"
#include "http/api_key.h"
#include "http/field_value.h"
#include "http/tokens/access_tokens.h"

namespace ledgerline::api {
namespace {

constexpr std::string_view kKeyHeader = "idempotency-key";

constexpr const char* kUnnamed = "api";
constexpr const char* kOperatorHeader = "X-Operator";

using OperatorName = std::expected<std::optional<std::string>, http::Problem>;

std::unexpected<http::Problem> bad_operator(std::string_view rule) {
    return std::unexpected(problem(ProblemCode::invalid_field, "X-Operator " + std::string(rule), kOperatorHeader));
}

OperatorName operator_of_header(const http::Request& request) {
    const auto count = std::ranges::count(request.headers, "x-operator", &http::Header::first);
    if (count == 0) return std::nullopt;
    if (count > 1) return bad_operator("must be sent once.");
    // The rules of a body member apply.
    const json::Value header(json::Object{{"operator", *request.header("x-operator")}});
    const auto text = json::parse(json::serialize(header));
    if (!text) return bad_operator("must be UTF-8.");
    Fields fields(*text, "");
    auto name = fields.text("operator", operator_chars_max);
    if (fields.finish()) return bad_operator("must have 1 to 100 characters, none of them a control character.");
    return name;
}

// The string between the quotes; empty optional when text is not exactly one structured-field string.
std::optional<std::string> parse_sf_string(std::string_view text) {
    std::string out;
    std::size_t i = 1;
    for (; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\') {
            ++i;
            if (i == text.size() || (text[i] != '"' && text[i] != '\\')) return std::nullopt;
        }
        if (text[i] < 0x20 || text[i] > 0x7e) return std::nullopt;
        out.push_back(text[i]);
    }
    if (i + 1 != text.size()) return std::nullopt;
    return out;
}

http::Problem key_problem(std::string_view rule) {
    return problem(ProblemCode::invalid_idempotency_key, "Idempotency-Key " + std::string(rule) + ".",
                   "Idempotency-Key");
}

// The value of the first preference of that name, without its quotes. Only the first one counts, even when it is
// malformed (RFC 7240, section 2): then it is empty.
std::optional<std::string> preference(const http::Request& request, std::string_view wanted) {
    for (const auto& [name, value] : request.headers) {
        if (name != "prefer") continue;
        for (const std::string_view element : http::list_elements(value)) {
            const std::string_view bare = http::split_outside_quotes(element, ';').front();
            const auto equals = bare.find('=');
            if (!equal_ignoring_case(trimmed(bare.substr(0, equals)), wanted)) continue;
            if (equals == std::string_view::npos) return std::nullopt;
            return http::token_or_quoted(trimmed(bare.substr(equals + 1)));
        }
    }
    return std::nullopt;
}

// The weight of a media range (RFC 9110, section 12.4.2): 1 when it says none, 0 when it is malformed.
double weight_of(const http::Parameterized& range) {
    const auto q = std::ranges::find(range.parameters, "q", &http::Parameter::name);
    if (q == range.parameters.end()) return 1;
    double weight = 0;
    const char* const end = q->value.data() + q->value.size();
    const auto parsed = std::from_chars(q->value.data(), end, weight, std::chars_format::fixed);
    return parsed.ec == std::errc() && parsed.ptr == end && weight >= 0 && weight <= 1 ? weight : 0;
}

}  // namespace

std::expected<Caller, http::Problem> Caller::parse(const http::Request& request) {
    auto operator_name = operator_of_header(request);
    if (!operator_name) return std::unexpected(std::move(operator_name).error());
    Caller caller = unnamed(request);
    caller.operator_name = *std::move(operator_name);
    return caller;
}

Caller Caller::unnamed(const http::Request& request) {
    Caller caller{std::nullopt, std::nullopt, request.request_id, request.peer, request.tenant};
    if (request.key) caller.key_id = request.key->id;
    return caller;
}

std::string Caller::name() const {
    if (operator_name) return *operator_name;
    if (!key_id) return kUnnamed;
    return key_id->starts_with(http::subject_prefix) ? *key_id : "key:" + *key_id;
}

std::expected<std::optional<std::string>, http::Problem> read_idempotency_key(const http::Request& request) {
    const std::string* header = request.header(kKeyHeader);
    if (!header) return std::nullopt;
    const auto named = [](const http::Header& each) { return each.first == kKeyHeader; };
    if (std::ranges::count_if(request.headers, named) > 1) return std::unexpected(key_problem("must not be repeated"));

    std::optional<std::string> key = *header;
    if (header->starts_with('"')) key = parse_sf_string(*header);
    if (!key) return std::unexpected(key_problem("is not a well-formed structured-field string"));
    if (key->empty()) return std::unexpected(key_problem("must not be empty"));
    if (has_control_characters(*key)) return std::unexpected(key_problem("must not contain control characters"));
    if (!is_utf8(*key)) return std::unexpected(key_problem("must be valid UTF-8"));
    if (code_points(*key) > idempotency_key_chars_max)
        return std::unexpected(
            key_problem("must have at most " + std::to_string(idempotency_key_chars_max) + " characters"));
    return key;
}

std::optional<std::chrono::seconds> read_wait(const http::Request& request) {
    const auto digits = preference(request, "wait");
    if (!digits || digits->empty() || !std::ranges::all_of(*digits, is_digit)) return std::nullopt;
    unsigned seconds = 0;
    const auto parsed = std::from_chars(digits->data(), digits->data() + digits->size(), seconds);
    if (parsed.ec != std::errc()) return wait_max;  // more digits than fit: more than the maximum
    return std::min(std::chrono::seconds(seconds), wait_max);
}

bool wants_strict_outcome(const http::Request& request) { return preference(request, "outcome") == "strict"; }

bool prefers(const http::Request& request, std::string_view wanted) {
    double weight = 0, json = 0, any = 0;
    for (const auto& [name, value] : request.headers) {
        if (name != "accept") continue;
        for (const std::string_view element : http::list_elements(value)) {
            const auto range = http::parse_parameterized(element);
            if (!range) continue;
            const std::string type = lower(range->value);
            if (type == wanted) weight = weight_of(*range);
            if (type == "application/json") json = weight_of(*range);
            if (type == "*/*" || type == "application/*") any = std::max(any, weight_of(*range));
        }
    }
    return weight > json && weight >= any;
}

}  // namespace ledgerline::api
