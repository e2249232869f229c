// Heads that two readers could interpret differently, or that exceed a limit: over real sockets.
#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

struct BadRequest {
    const char* name;
    std::string bytes;
    int status;
    std::string_view code;
};

void PrintTo(const BadRequest& request, std::ostream* out) { *out << request.name; }

std::string with_header(std::string_view line) { return get("/echo/a", std::string(line) + "\r\n"); }

std::string with_length(std::string_view value) {
    return "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " +
           std::string(value) + "\r\n\r\n{}";
}

std::string with_coding(std::string_view lines) {
    return "POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + std::string(lines) +
           "\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
}

std::string with_request_line(std::string_view line) { return std::string(line) + "\r\nHost: a\r\n\r\n"; }

std::vector<BadRequest> bad_heads() {  // NOLINT(readability-function-size): a table
    using namespace std::string_literals;
    constexpr auto malformed = edge_code::malformed_request, not_supported = edge_code::coding_not_supported;
    std::string hundred_one;
    for (int i = 0; i < 100; ++i) hundred_one += "X-" + std::to_string(i) + ": 1\r\n";
    return {
        {"coding_not_chunked", with_coding("Transfer-Encoding: gzip"), 400, malformed},
        {"coding_identity", with_coding("Transfer-Encoding: identity"), 400, malformed},
        {"coding_list", with_coding("Transfer-Encoding: gzip, chunked"), 501, not_supported},
        {"coding_list_other_case", with_coding("Transfer-Encoding: GZip,\tChunked"), 501, not_supported},
        {"coding_list_with_parameter", with_coding("Transfer-Encoding: x;a=\"b, c\", chunked"), 501, not_supported},
        {"coding_list_on_two_lines", with_coding("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 501,
         not_supported},
        {"coding_list_chunked_first", with_coding("Transfer-Encoding: chunked, gzip"), 400, malformed},
        {"coding_list_chunked_inside", with_coding("Transfer-Encoding: x;a=\", chunked\""), 400, malformed},
        {"coding_list_malformed", with_coding("Transfer-Encoding: gz ip, chunked"), 400, malformed},
        {"coding_list_open_quote", with_coding("Transfer-Encoding: x;a=\"b, chunked"), 400, malformed},
        {"coding_list_and_length", with_coding("Transfer-Encoding: gzip, chunked\r\nContent-Length: 2"), 400,
         malformed},
        {"coding_only_commas", with_coding("Transfer-Encoding: , ,"), 400, malformed},
        {"coding_beside_an_empty_line", with_coding("Transfer-Encoding:\r\nTransfer-Encoding: chunked"), 400,
         malformed},
        {"coding_other_case_and_length", with_coding("Transfer-Encoding: Chunked\r\nContent-Length: 2"), 400,
         malformed},
        {"coding_other_case_twice", with_coding("Transfer-Encoding: chunked, CHUNKED"), 400, malformed},
        {"coding_twice_in_list", with_coding("Transfer-Encoding: chunked, chunked"), 400, malformed},
        {"coding_with_parameter", with_coding("Transfer-Encoding: chunked;q=1"), 400, malformed},
        {"coding_quoted", with_coding("Transfer-Encoding: \"chunked\""), 400, malformed},
        {"coding_vertical_tab",
         with_coding("Transfer-Encoding: \x0b"
                     "chunked"),
         400, malformed},
        {"coding_empty", with_coding("Transfer-Encoding:"), 400, malformed},
        {"coding_repeated", with_coding("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400, malformed},
        {"coding_hidden", with_coding("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), 400, malformed},
        {"coding_and_length", with_coding("Transfer-Encoding: chunked\r\nContent-Length: 2"), 400, malformed},
        {"length_and_coding", with_coding("Content-Length: 12\r\nTransfer-Encoding: chunked"), 400, malformed},
        {"coding_space_before_colon", with_coding("Transfer-Encoding : chunked"), 400, malformed},
        {"coding_on_1_0", "POST /things HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
         malformed},
        {"length_repeated_same", with_length("2\r\nContent-Length: 2"), 400, malformed},
        {"length_repeated_other", with_length("2\r\nContent-Length: 0"), 400, malformed},
        {"length_list", with_length("2, 2"), 400, malformed},
        {"length_plus", with_length("+2"), 400, malformed},
        {"length_minus", with_length("-2"), 400, malformed},
        {"length_inner_space", with_length("2 2"), 400, malformed},
        {"length_hexadecimal", with_length("0x2"), 400, malformed},
        {"length_decimal", with_length("2.0"), 400, malformed},
        {"length_exponent", with_length("2e0"), 400, malformed},
        {"length_empty", with_length(""), 400, malformed},
        {"length_word", with_length("two"), 400, malformed},
        {"length_overflow", with_length("18446744073709551618"), 400, malformed},
        {"length_vertical_tab",
         with_length("\x0b"
                     "2"),
         400, malformed},
        {"host_missing", "GET /echo/a HTTP/1.1\r\n\r\n", 400, malformed},
        {"host_repeated", with_header("Host: a"), 400, malformed},
        {"host_repeated_other", with_header("hOST: b"), 400, malformed},
        {"host_empty_repeated", "GET /echo/a HTTP/1.1\r\nHost:\r\nHost:\r\n\r\n", 400, malformed},
        {"host_only_port", "GET /echo/a HTTP/1.1\r\nHost: :80\r\n\r\n", 400, malformed},
        {"host_with_path", "GET /echo/a HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, malformed},
        {"host_with_user", "GET /echo/a HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, malformed},
        {"host_with_space", "GET /echo/a HTTP/1.1\r\nHost: a b\r\n\r\n", 400, malformed},
        {"host_list", "GET /echo/a HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, malformed},
        {"host_bad_port", "GET /echo/a HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400, malformed},
        {"host_port_word", "GET /echo/a HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, malformed},
        {"host_open_bracket", "GET /echo/a HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, malformed},
        {"fold_space", with_header("X: a\r\n b"), 400, malformed},
        {"fold_tab", with_header("X: a\r\n\tb"), 400, malformed},
        {"fold_first_header", "GET /echo/a HTTP/1.1\r\n Host: a\r\n\r\n", 400, malformed},
        {"fold_empty", with_header("X: a\r\n "), 400, malformed},
        {"bare_lf_request_line", "GET /echo/a HTTP/1.1\nHost: a\r\n\r\n", 400, malformed},
        {"bare_lf_header", "GET /echo/a HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, malformed},
        {"bare_lf_end", "GET /echo/a HTTP/1.1\r\nHost: a\r\n\n", 400, malformed},
        {"bare_lf_only", "GET /echo/a HTTP/1.1\nHost: a\n\n", 400, malformed},
        {"bare_cr_header", with_header("X: a\rb"), 400, malformed},
        {"bare_cr_before_crlf", with_header("X: a\r"), 400, malformed},
        {"bare_cr_request_line", "GET /echo/a\r HTTP/1.1\r\nHost: a\r\n\r\n", 400, malformed},
        {"nul_in_value", with_header("X: a\0b"s), 400, malformed},
        {"nul_in_name", with_header("X\0: b"s), 400, malformed},
        {"nul_in_target", "GET /echo/\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400, malformed},
        {"control_in_value", with_header("X: a\x01"), 400, malformed},
        {"delete_in_value", with_header("X: a\x7f"), 400, malformed},
        {"escape_in_value", with_header("X: \x1b[31m"), 400, malformed},
        {"space_before_colon", with_header("X : a"), 400, malformed},
        {"tab_before_colon", with_header("X\t: a"), 400, malformed},
        {"name_empty", with_header(": a"), 400, malformed},
        {"name_missing_colon", with_header("X"), 400, malformed},
        {"name_with_space", with_header("X Y: a"), 400, malformed},
        {"name_with_slash", with_header("X/Y: a"), 400, malformed},
        {"name_not_ascii", with_header("X\xc3\xa4: a"), 400, malformed},
        {"method_missing", with_request_line(" /echo/a HTTP/1.1"), 400, malformed},
        {"method_bad_character", with_request_line("G@T /echo/a HTTP/1.1"), 400, malformed},
        {"method_quoted", with_request_line("\"GET\" /echo/a HTTP/1.1"), 400, malformed},
        {"target_missing", with_request_line("GET HTTP/1.1"), 400, malformed},
        {"target_empty", with_request_line("GET  HTTP/1.1"), 400, malformed},
        {"target_no_slash", with_request_line("GET echo/a HTTP/1.1"), 400, malformed},
        {"target_fragment", with_request_line("GET /echo/a#b HTTP/1.1"), 400, malformed},
        {"target_space", with_request_line("GET /echo/a b HTTP/1.1"), 400, malformed},
        {"target_tab", with_request_line("GET /echo/a\tb HTTP/1.1"), 400, malformed},
        {"target_not_ascii", with_request_line("GET /echo/\xc3\xa4 HTTP/1.1"), 400, malformed},
        {"target_backslash", with_request_line("GET /echo\\a HTTP/1.1"), 400, malformed},
        {"target_authority", with_request_line("CONNECT a:80 HTTP/1.1"), 400, malformed},
        {"target_star_get", with_request_line("GET * HTTP/1.1"), 400, malformed},
        {"target_absolute_without_host", "GET http://b/echo/a HTTP/1.1\r\n\r\n", 400, malformed},
        {"target_absolute_two_hosts", "GET http://b/echo/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, malformed},
        {"target_absolute_bad_host", "GET http://b/echo/a HTTP/1.1\r\nHost: a b\r\n\r\n", 400, malformed},
        {"target_empty_host", with_request_line("GET http:///echo/a HTTP/1.1"), 400, malformed},
        {"target_with_user", with_request_line("GET http://u@a/echo/a HTTP/1.1"), 400, malformed},
        {"target_bad_port", with_request_line("GET http://a:b/echo/a HTTP/1.1"), 400, malformed},
        {"target_other_scheme", with_request_line("GET https://a/echo/a HTTP/1.1"), 400, malformed},
        {"two_spaces", with_request_line("GET  /echo/a HTTP/1.1"), 400, malformed},
        {"space_at_end", with_request_line("GET /echo/a HTTP/1.1 "), 400, malformed},
        {"version_missing", with_request_line("GET /echo/a"), 400, malformed},
        {"version_lower_case", with_request_line("GET /echo/a http/1.1"), 400, malformed},
        {"version_short", with_request_line("GET /echo/a HTTP/1"), 400, malformed},
        {"version_long", with_request_line("GET /echo/a HTTP/1.10"), 400, malformed},
        {"version_word", with_request_line("GET /echo/a HTTP/1.x"), 400, malformed},
        {"version_other_protocol", with_request_line("GET /echo/a ICY/1.1"), 400, malformed},
        {"version_0_9", with_request_line("GET /echo/a HTTP/0.9"), 505, edge_code::http_version_not_supported},
        {"version_1_2", with_request_line("GET /echo/a HTTP/1.2"), 505, edge_code::http_version_not_supported},
        {"version_2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, edge_code::http_version_not_supported},
        {"two_empty_lines_first", "\r\n\r\n" + get("/echo/a"), 400, malformed},
        {"tls_hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400, malformed},
        {"head_too_large", with_header("X: " + std::string(16 * 1024, 'a')), 431, edge_code::headers_too_large},
        {"request_line_too_large", get("/" + std::string(16 * 1024, 'a')), 431, edge_code::headers_too_large},
        {"too_many_headers", get("/echo/a", hundred_one), 431, edge_code::headers_too_large},
    };
}

class BadHeads : public EdgeTest, public testing::WithParamInterface<BadRequest> {};

void expect_refused(RawConnection& connection, const BadRequest& expected) {
    const auto response = connection.receive();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, expected.status);
    EXPECT_EQ(response->code(), expected.code);
    EXPECT_EQ(response->header("content-type"), "application/problem+json");
    EXPECT_EQ(response->header("connection"), "close");
    EXPECT_NE(response->header("x-request-id"), "");
    connection.shutdown_send();
    EXPECT_TRUE(connection.closed());
}

// Nothing after a refused head may be answered: it may be the smuggled part.
TEST_P(BadHeads, AreRefusedAndTheConnectionIsClosed) {
    start();
    RawConnection connection = connect();
    connection.send(GetParam().bytes + get("/echo/smuggled"));
    expect_refused(connection, GetParam());
}

TEST_P(BadHeads, AreRefusedByteByByte) {
    start();
    RawConnection connection = connect();
    connection.send_byte_by_byte(GetParam().bytes);
    expect_refused(connection, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Edge, BadHeads, testing::ValuesIn(bad_heads()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace ledgerline::http
