#include "http/server/head.h"

#include <algorithm>
#include <boost/url/authority_view.hpp>
#include <boost/url/parse.hpp>
#include <charconv>
#include <ranges>

#include "base/text.h"
#include "http/field_value.h"

namespace ledgerline::http {
namespace {

using Trouble = std::optional<Problem>;

Problem malformed(std::string_view detail, std::string_view field = "") {
    return edge_problem(400, edge_code::malformed_request, std::string(detail), field);
}

std::string_view take_line(std::string_view& text) {
    const auto end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    return line;
}

Trouble parse_version(std::string_view version, Framing& framing) {
    constexpr std::string_view prefix = "HTTP/";
    if (version.size() != 8 || !version.starts_with(prefix) || !is_digit(version[5]) || version[6] != '.' ||
        !is_digit(version[7]))
        return malformed("The request line must end in the version, such as HTTP/1.1.");
    if (version[5] != '1' || version[7] > '1')
        return edge_problem(505, edge_code::http_version_not_supported, "The version must be HTTP/1.1 or HTTP/1.0.");
    framing.minor_version = version[7] - '0';
    return std::nullopt;
}

// method SP target SP version, with single spaces.
Trouble parse_request_line(std::string_view line, Head& head) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return malformed("The request line must be method, target and version, with one space between them.");
    const std::string_view method = line.substr(0, first), target = line.substr(first + 1, last - first - 1);
    if (!is_token(method)) return malformed("The method contains a character that is not allowed.");
    head.method = method;
    if (target.empty() || !is_visible_ascii(target) || target.find_first_of("\"#<>\\^`{|}") != std::string_view::npos)
        return malformed("The request target contains a character that must be percent-encoded, or is empty.");
    head.target = target;
    return parse_version(line.substr(last + 1), head.framing);
}

Trouble parse_fields(std::string_view text, Head& head) {
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (line.front() == ' ' || line.front() == '\t')
            return malformed("A header must not be folded over several lines.");
        auto field = parse_field(line);
        if (!field) return malformed("A header must be a name, a colon directly after it, and a value.");
        head.headers.push_back(std::move(*field));
    }
    return std::nullopt;
}

// The values of all headers with that name, in order.
auto values_of(const Head& head, std::string_view name) {
    return head.headers | std::views::filter([name](const Header& header) { return header.first == name; }) |
           std::views::values;
}

struct Single {
    const std::string* value = nullptr;  // null when there is none
    bool repeated = false;
};

Single single_of(const Head& head, std::string_view name) {
    Single single;
    for (const std::string& value : values_of(head, name)) {
        single.repeated = single.value != nullptr;
        if (!single.value) single.value = &value;
    }
    return single;
}

// host[:port], without user information. An http URL always has a host (RFC 9110, section 4.2.1).
bool is_authority(std::string_view text) {
    const auto parsed = boost::urls::parse_authority(text);
    if (!parsed || parsed->has_userinfo() || parsed->encoded_host().empty()) return false;
    return !parsed->has_port() || parsed->port().empty() || parse_port(parsed->port());
}

Trouble check_host(const Head& head) {
    const Single host = single_of(head, "host");
    if (host.repeated) return malformed("Host must not be repeated.", "Host");
    if (!host.value && head.framing.minor_version >= 1) return malformed("Host is missing.", "Host");
    // A client sends an empty one when its URL has no authority (RFC 9112, section 3.2).
    if (host.value && !host.value->empty() && !is_authority(*host.value))
        return malformed("Host must be a host name with an optional port, or empty.", "Host");
    return std::nullopt;
}

// Converts an absolute form ("http://host/path") to origin form. Its host takes precedence over the Host header (RFC
// 9112, section 3.2.2), which is given the same value.
Trouble settle_target(Head& head) {
    if (head.target.starts_with('/')) return std::nullopt;
    if (head.target == "*" && head.method == "OPTIONS") return std::nullopt;
    constexpr std::string_view scheme = "http://";
    const std::string_view target = head.target;
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme))
        return malformed("The request target must begin with a slash or with http://.");
    const std::string_view rest = target.substr(scheme.size());
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    if (!is_authority(authority)) return malformed("The request target must name a host, with an optional port.");
    for (Header& header : head.headers)
        if (header.first == "host") header.second = authority;
    const std::string_view local = rest.substr(authority.size());
    if (local.empty() && head.method == "OPTIONS")
        head.target = "*";  // RFC 9112, section 3.2.4
    else
        head.target = local.starts_with('/') ? std::string(local) : "/" + std::string(local);
    return std::nullopt;
}

Trouble settle_content_length(const std::string& text, Framing& framing) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, framing.content_length);
    // from_chars accepts no sign for an unsigned number, no spaces and no base prefix.
    if (text.empty() || error != std::errc() || stop != end)
        return malformed("Content-Length must be one decimal number that fits in 64 bits.", "Content-Length");
    framing.body = framing.content_length > 0 ? Framing::Body::length : Framing::Body::none;
    return std::nullopt;
}

Trouble settle_coding(const Head& head, Framing& framing) {
    std::vector<std::string> codings;
    bool well_formed = true;
    for (const std::string& line : values_of(head, "transfer-encoding"))
        for (const std::string_view element : list_elements(line)) {
            const auto coding = parse_parameterized(element);
            well_formed = well_formed && coding && is_token(coding->value);
            // chunked has no parameters: with one, it is an unknown coding.
            if (well_formed) codings.push_back(lower(coding->parameters.empty() ? coding->value : element));
        }
    constexpr std::string_view chunked = "chunked";
    // Only a list that ends in chunked, and contains it once, shows where the body ends (RFC 9112, sections 6.1 and
    // 6.3).
    if (!well_formed || std::ranges::count(codings, chunked) != 1 || codings.back() != chunked)
        return malformed("Transfer-Encoding must end in chunked, and contain it once.", "Transfer-Encoding");
    if (codings.size() > 1)
        return edge_problem(501, edge_code::coding_not_supported, "The only supported transfer coding is chunked.",
                            "Transfer-Encoding");
    if (single_of(head, "transfer-encoding").repeated)
        return malformed("Transfer-Encoding must not be repeated.", "Transfer-Encoding");
    framing.body = Framing::Body::chunked;
    return std::nullopt;
}

Trouble settle_body(Head& head) {
    const Single coding = single_of(head, "transfer-encoding"), length = single_of(head, "content-length");
    if (length.repeated) return malformed("Content-Length must not be repeated.", "Content-Length");
    if (!coding.value) return length.value ? settle_content_length(*length.value, head.framing) : std::nullopt;

    if (head.framing.minor_version == 0) return malformed("HTTP/1.0 has no Transfer-Encoding.", "Transfer-Encoding");
    if (length.value) return malformed("Transfer-Encoding and Content-Length exclude each other.", "Content-Length");
    return settle_coding(head, head.framing);
}

bool connection_names(const Head& head, std::string_view option) {
    for (const std::string& value : values_of(head, "connection"))
        for (const std::string_view element : list_elements(value))
            if (equal_ignoring_case(element, option)) return true;
    return false;
}

// A list (RFC 9110, section 10.1.1), of which we know one member.
Framing::Expect expectation_of(const Head& head) {
    Framing::Expect expect = Framing::Expect::none;
    for (const std::string& value : values_of(head, "expect"))
        for (const std::string_view element : list_elements(value)) {
            if (!equal_ignoring_case(element, "100-continue")) return Framing::Expect::unknown;
            expect = Framing::Expect::go_ahead;
        }
    return expect;
}

void settle_connection(Head& head) {
    const bool asked = connection_names(head, "keep-alive");
    head.framing.keep_alive = !connection_names(head, "close") && (head.framing.minor_version >= 1 || asked);
    // RFC 9110, section 10.1.1: HTTP/1.0's is ignored.
    if (head.framing.minor_version >= 1) head.framing.expect = expectation_of(head);
}

}  // namespace

std::optional<Header> parse_field(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return std::nullopt;
    return Header(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
}

std::optional<Problem> parse_head(std::string_view text, Head& head) {
    Trouble line_trouble = parse_request_line(take_line(text), head);
    // The headers are parsed even if the request line is wrong: they may identify the request.
    if (Trouble trouble = parse_fields(text, head)) return line_trouble ? line_trouble : trouble;
    if (line_trouble) return line_trouble;
    if (Trouble trouble = check_host(head)) return trouble;
    if (Trouble trouble = settle_target(head)) return trouble;
    if (Trouble trouble = settle_body(head)) return trouble;
    settle_connection(head);
    return std::nullopt;
}

}  // namespace ledgerline::http
