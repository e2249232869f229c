#include "http/problem.h"

namespace ledgerline::http {

json::Value to_json(const Problem& problem) {
    json::Object object{{"type", "/problems/" + problem.code},
                        {"title", reason_phrase(problem.status)},
                        {"status", problem.status},
                        {"code", problem.code},
                        {"detail", problem.detail}};
    if (!problem.field.empty()) object.emplace_back("field", problem.field);
    object.insert(object.end(), problem.extensions.begin(), problem.extensions.end());
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
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
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
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
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
