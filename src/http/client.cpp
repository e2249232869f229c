#include "http/client.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <optional>

#include "base/text.h"
#include "http/server/tcp.h"

namespace ledgerline::http {
namespace {

namespace beast = boost::beast::http;
using ResponseParser = beast::response_parser<beast::string_body>;

constexpr std::size_t kReadBytes = 16 * 1024;
// The most that the parser may leave unused while it waits for more: one line of a head, a chunk or a trailer.
constexpr std::size_t kUnusedBytesMax = 64 * 1024;

Result<void> check(const ClientRequest& request) {
    const auto refuse = [](const char* what) {
        return failure(Disposition::refuse, std::string(client_bad_request), what);
    };
    if (!is_token(request.method)) return refuse("method must be a token");
    if (!request.target.starts_with('/') || has_byte_below(request.target, 0x21))
        return refuse("target must begin with / and hold neither spaces nor control characters");
    for (const auto& [name, value] : request.headers)
        if (!is_token(name) || has_byte_below(value, 0x20))
            return refuse("a header holds a character HTTP cannot carry");
    return {};
}

std::string authority(const BaseUrl& base) {
    const std::string host = base.host.contains(':') ? "[" + base.host + "]" : base.host;
    return base.port == 80 ? host : host + ":" + std::to_string(base.port);
}

std::string wire_text(const BaseUrl& base, const ClientRequest& request) {
    std::string text = request.method + " " + base.prefix + request.target + " HTTP/1.1\r\nHost: " + authority(base);
    text += "\r\n";
    bool typed = false;
    for (const auto& [name, value] : request.headers) {
        text += name + ": " + value + "\r\n";
        typed = typed || lower(name) == "content-type";
    }
    if (!request.body.empty() && !typed) text += "Content-Type: application/json\r\n";
    if (!request.body.empty() || request.method == "POST" || request.method == "PATCH" || request.method == "PUT")
        text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    return text + "\r\n" + request.body;
}

ClientResponse taken_from(beast::response<beast::string_body>&& message) {
    ClientResponse response{static_cast<int>(message.result_int()), {}, std::move(message.body())};
    for (const auto& field : message)
        response.headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                                      std::string(field.value().data(), field.value().size()));
    return response;
}

// Reads answers from one connection, and keeps what was read beyond the last one.
class ResponseReader {
public:
    explicit ResponseReader(TcpConnection& connection) : connection_(connection) {}

    // The final answer; interim ones (1xx) are skipped.
    Result<beast::response<beast::string_body>> read(bool head_only, SteadyTime deadline) {
        while (true) {
            std::optional<ResponseParser> parser(std::in_place);
            parser->body_limit(Client::response_bytes_max);
            parser->eager(true);
            parser->skip(head_only);
            LEDGERLINE_CHECK(fill(*parser, deadline));
            if (parser->get().result_int() >= 200) return parser->release();
        }
    }

    bool has_more() const { return !pending_.empty(); }

private:
    Result<void> fill(ResponseParser& parser, SteadyTime deadline) {
        std::array<char, kReadBytes> block;
        while (true) {
            boost::system::error_code error;
            if (!pending_.empty()) pending_.erase(0, parser.put(boost::asio::buffer(pending_), error));
            if (error == beast::error::body_limit) return malformed("the answer is longer than 64 MiB");
            if (error && error != beast::error::need_more)
                return malformed("the answer is not HTTP: " + error.message());
            if (parser.is_done()) return {};
            if (pending_.size() > kUnusedBytesMax) return malformed("the answer is not HTTP: a line without an end");

            LEDGERLINE_TRY(const std::size_t size, connection_.receive(block.data(), block.size(), deadline));
            if (size > 0) {
                pending_.append(block.data(), size);
                continue;
            }
            if (!parser.got_some()) return malformed("the server closed the connection");
            parser.put_eof(error);
            if (error) return malformed("the answer was cut off");
            return {};
        }
    }

    static std::unexpected<Error> malformed(std::string message) {
        return failure(Disposition::retry, "io", std::move(message));
    }

    TcpConnection& connection_;
    std::string pending_;
};

}  // namespace

Result<BaseUrl> BaseUrl::parse(std::string_view text) {
    const auto refuse = [](const std::string& why) {
        return failure(Disposition::refuse, "bad_url", "the URL must be [http://]host[:port][/prefix]: " + why);
    };
    if (text.empty()) return refuse("it is empty");
    // People type host:8080, although in a URL "host" would be the scheme.
    const bool has_scheme = text.contains("://");
    const std::string url = has_scheme ? std::string(text) : "http://" + std::string(text);
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed) return refuse("it is not a URL");
    if (parsed->scheme_id() == boost::urls::scheme::https)
        return refuse("https is not supported; give the server's own address, or a proxy that accepts http");
    if (parsed->scheme_id() != boost::urls::scheme::http) return refuse("its scheme is not http");
    if (parsed->has_userinfo()) return refuse("it names a user");
    if (parsed->has_query() || parsed->has_fragment()) return refuse("it has a query or a fragment");
    BaseUrl base;
    base.host = parsed->host_address();
    if (base.host.empty()) return refuse("it has no host");
    if (!has_scheme && (base.host == "http" || base.host == "https")) return refuse("// must follow the scheme");
    if (parsed->has_port() && !parsed->port().empty()) {
        const auto port = parse_port(parsed->port());
        if (!port) return refuse("its port is not 1 to 65535");
        base.port = *port;
    }
    base.prefix = std::string(parsed->encoded_path().data(), parsed->encoded_path().size());
    if (!base.prefix.empty() && !base.prefix.starts_with('/')) return refuse("its port is not a number");
    while (base.prefix.ends_with('/')) base.prefix.pop_back();
    return base;
}

std::string BaseUrl::to_string() const { return "http://" + authority(*this) + prefix; }

const std::string* ClientResponse::header(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, &Header::first);
    return found == headers.end() ? nullptr : &found->second;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF", marks = "-._~";
    std::string encoded;
    for (const char c : text) {
        if (is_digit(c) || is_letter(c) || marks.contains(c)) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return encoded;
}

struct Client::Impl {
    BaseUrl base;
    TcpConnection connection;

    Result<void> reconnect(SteadyTime deadline) {
        auto made = TcpConnection::connect(base.host, base.port, deadline);
        if (!made) return unreachable(made.error());
        connection = std::move(*made);
        return {};
    }

    // Returns the number of bytes sent, over the kept connection or else a new one.
    Result<std::size_t> send(std::string_view text, SteadyTime deadline) {
        // If the server has closed a kept connection, its end can be seen before anything is sent.
        if (connection.is_open())
            if (const auto sent = connection.send(text, deadline); sent && *sent > 0) return sent;
        LEDGERLINE_CHECK(reconnect(deadline));
        auto sent = connection.send(text, deadline);
        if (!sent) return unreachable(sent.error());
        return sent;
    }

    std::unexpected<Error> unreachable(const Error& reason) const {
        return failure(Disposition::retry, std::string(client_unreachable),
                       base.to_string() + " cannot be reached: " + reason.message);
    }

    std::unexpected<Error> outcome_unknown(const Error& reason) const {
        return failure(Disposition::retry, std::string(client_outcome_unknown),
                       base.to_string() + " gave no answer: " + reason.message);
    }
};

Client::Client(BaseUrl base) : impl_(new Impl{std::move(base), {}}) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::close() { impl_->connection.close(); }

Result<ClientResponse> Client::send(const ClientRequest& request, milliseconds timeout) {
    LEDGERLINE_CHECK(check(request));
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const std::string text = wire_text(impl_->base, request);
    const auto sent = impl_->send(text, deadline);
    if (!sent) {
        close();
        return std::unexpected(sent.error());
    }
    ResponseReader reader(impl_->connection);
    auto message = reader.read(request.method == "HEAD", deadline);
    if (!message) {
        close();
        return impl_->outcome_unknown(message.error());
    }
    // A connection is kept only while both sides agree on where the next answer begins.
    if (*sent < text.size() || !message->keep_alive() || message->need_eof() || reader.has_more()) close();
    return taken_from(std::move(*message));
}

}  // namespace ledgerline::http
