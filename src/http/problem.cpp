#include "http/problem.h"

namespace ledgerline::http {
namespace {

// For our own words around the echoed text.
constexpr std::size_t kDetailBytesMax = 2 * echo_bytes_max;
constexpr std::string_view kEllipsis = "\u2026";

// How many bytes a character takes in a JSON string.
std::size_t written_size(char character) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) return 6;
    return byte == '"' || byte == '\\' ? 2 : 1;
}

bool continues_a_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

json::Value shortened(const json::Value& value) {
    if (const std::string* text = value.if_string()) return echo(*text);
    if (const json::Array* items = value.if_array()) {
        json::Array copy;
        for (const json::Value& item : *items) copy.push_back(shortened(item));
        return copy;
    }
    return value;
}

}  // namespace

std::string echo(std::string_view text, std::size_t bytes_max) {
    std::size_t written = 0, fits = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!continues_a_character(text[at]) && written + kEllipsis.size() <= bytes_max) fits = at;
        written += written_size(text[at]);
        if (written > bytes_max) return std::string(text.substr(0, fits)) += kEllipsis;
    }
    return std::string(text);
}

json::Value to_json(const Problem& problem) {
    json::Object object{{"type", "/problems/" + problem.code},
                        {"title", reason_phrase(problem.status)},
                        {"status", problem.status},
                        {"code", problem.code},
                        {"detail", echo(problem.detail, kDetailBytesMax)}};
    if (!problem.field.empty()) object.emplace_back("field", echo(problem.field));
    for (const auto& [name, value] : problem.extensions) object.emplace_back(name, shortened(value));
    return object;
}

Response to_response(const Problem& problem) {
    Response response;
    response.status = problem.status;
    response.content_type = "application/problem+json";
    response.body = json::serialize(to_json(problem));
    response.problem_code = problem.code;
    if (problem.retry_after_seconds > 0)
        response.headers.emplace_back("Retry-After", std::to_string(problem.retry_after_seconds));
    return response;
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 304:
            return "Not Modified";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 402:
            return "Payment Required";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Unknown";
    }
}

Problem edge_problem(int status, std::string_view code, std::string detail, std::string_view field) {
    Problem problem;
    problem.status = status;
    problem.code = code;
    problem.detail = std::move(detail);
    problem.field = field;
    return problem;
}

}  // namespace ledgerline::http
