// Answers of the API: JSON text, and pages of records.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/list_query.h"
#include "api/records.h"
#include "base/json_object.h"
#include "base/limits.h"
#include "http/message.h"
#include "http/problem.h"
#include "http/server/room.h"

namespace ledgerline::api {

// The limit of request bodies, for every call except the batch.
inline constexpr std::size_t body_bytes_max = 64 * 1024;
inline constexpr std::size_t batch_body_bytes_max = 1024 * 1024;
// What most records take as JSON.
inline constexpr std::size_t record_bytes = 1024;

inline http::Response json_response(int status, std::string body) {
    http::Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

template <class Record>
http::Response record_response(int status, const Record& record) {
    std::string body;
    body.reserve(record_bytes);
    append_json(record, body);
    return json_response(status, std::move(body));
}

// What a page has beside its rows.
struct PageMore {
    std::optional<std::string> next_cursor = {};  // where the list goes on after the last row, if all are on the page
    std::string members = {};                     // further members of the answer, each with a comma before it
};

// The text of {"<name>": [...], "limit": n, "next_cursor": ..., "has_more": ...}. rows: the result of a query with
// LIMIT limit + 1, possibly with fewer rows when they are large. A row beyond the limit, or beyond
// limits::page_bytes_max of text, means that there is a next page. The first row is always on the page.
// position(record) is what a cursor holds, or the cursor itself.
//
// Call it where the rows were read, so that only the text is passed on.
template <class Record, class Position>
std::string page_text(std::string_view name, const db::TypedRows<Record>& rows, const ListQuery& query,
                      Position position, PageMore more = {}) {
    const auto limit = static_cast<std::size_t>(query.limit());
    std::string body;
    JsonObject page(body);
    page.begin(name);
    body.push_back('[');
    std::optional<decltype(position(rows[0]))> last;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const std::size_t end = body.size();
        const Record record = rows[row];
        if (row > 0) body.push_back(',');
        if (row < limit) append_json(record, body);
        if (row == limit || (row > 0 && body.size() > limits::page_bytes_max)) {
            body.resize(end);
            if constexpr (std::is_same_v<typename decltype(last)::value_type, std::string>)
                more.next_cursor = std::move(*last);
            else
                more.next_cursor = query.cursor_after(*last);
            break;
        }
        last = position(record);
    }
    body.push_back(']');
    page.add("limit", query.limit()).add("next_cursor", more.next_cursor);
    page.add("has_more", more.next_cursor.has_value());
    body += more.members;
    page.close();
    return body;
}

// 200 with that text, or 503 when there is no room for another answer.
inline boost::asio::awaitable<http::Response> text_response(http::Request& request, std::string text) {
    if (!co_await http::take_room(request.answer_memory, text.capacity())) co_return http::no_room();
    co_return json_response(200, std::move(text));
}

// The same for the text of one record.
template <class Record>
boost::asio::awaitable<http::Response> read_response(http::Request& request, const Record& record) {
    std::string text;
    append_json(record, text);
    return text_response(request, std::move(text));
}

// The id in the path, or a problem with it.
inline std::expected<Uuid, http::Problem> path_id(const http::Request& request) {
    if (const auto id = Uuid::parse(request.path_param("id"))) return *id;
    return std::unexpected(
        problem(ProblemCode::invalid_id, "The id in the path must be a UUID in its 36-character form.", "id"));
}

// Greater than every existing id: where the first page begins.
inline Uuid greatest_id() {
    Uuid id;
    id.bytes.fill(0xff);
    return id;
}

}  // namespace ledgerline::api
