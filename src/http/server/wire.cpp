#include "http/server/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/problem.h"

namespace ledgerline::http {
namespace {

// What a head takes, if its handler adds little.
constexpr std::size_t kHeadBytes = 320;

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

// Formatted once a second.
const std::string& date_at(WallTime now) {
    thread_local std::chrono::sys_seconds second{};
    thread_local std::string text;
    const auto this_second = std::chrono::floor<std::chrono::seconds>(now);
    if (text.empty() || second != this_second) {
        second = this_second;
        text = format_http_date(now);
    }
    return text;
}

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
    std::string head;
    head.reserve(kHeadBytes);
    const auto line = [&head](std::string_view name, std::string_view value) {
        head.append(name).append(": ").append(value).append("\r\n");
    };
    head.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    head.append(reason_phrase(response.status)).append("\r\n");
    line("Date", date_at(now));
    line("X-Request-Id", request_id);
    if (!has_no_body(response.status)) {
        line("Content-Type", response.content_type);
        line("X-Content-Type-Options", "nosniff");  // what clients have stored is not to be taken for a page
        if (!response.parts) line("Content-Length", std::to_string(response.body.size()));
        if (response.parts && kept_open) line("Transfer-Encoding", "chunked");
    }
    for (const auto& [name, value] : response.headers) line(name, value);
    line("Connection", kept_open ? "keep-alive" : "close");
    if (kept_open)
        line("Keep-Alive", "timeout=" + std::to_string(std::chrono::floor<std::chrono::seconds>(*kept_open).count()));
    return head.append("\r\n");
}

}  // namespace ledgerline::http
