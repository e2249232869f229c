#include "http/server/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/problem.h"

namespace ledgerline::http {
namespace {

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

std::string format_http_date(WallTime time) {
    constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[std::chrono::weekday(day).c_encoding()],
                       static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                       static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count());
}

bool is_writable(const Response& response) {
    const bool status = response.status >= 200 && response.status <= 599;
    return status && !has_byte_below(response.content_type, 0x20) &&
           std::ranges::all_of(response.headers, [](const Header& header) {
               return is_token(header.first) && !has_byte_below(header.second, 0x20);
           });
}

std::string wire_head(const Response& response, std::string_view request_id, WallTime now, KeptOpen kept_open) {
    std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nX-Request-Id: {}\r\n", response.status,
                                   reason_phrase(response.status), format_http_date(now), request_id);
    if (!has_no_body(response.status)) {
        // What clients have stored, and get back, is not to be taken for a page or a script.
        head += fmt::format("Content-Type: {}\r\nX-Content-Type-Options: nosniff\r\n", response.content_type);
        if (!response.parts) head += fmt::format("Content-Length: {}\r\n", response.body.size());
        if (response.parts && kept_open) head += "Transfer-Encoding: chunked\r\n";
    }
    for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
    if (!kept_open) return head + "Connection: close\r\n\r\n";
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*kept_open).count();
    return head + fmt::format("Connection: keep-alive\r\nKeep-Alive: timeout={}\r\n\r\n", seconds);
}

}  // namespace ledgerline::http
