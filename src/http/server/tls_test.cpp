// The edge behind TLS: what it accepts, how long it waits, and how certificates change.
#include "http/server/tls.h"

#include <gmock/gmock.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "http/server/edge_fixture.h"
#include "http/server/self_signed.h"
#include "lab/temp_dir.h"

namespace ledgerline::http {
namespace {

using testing::HasSubstr;

constexpr std::chrono::days kYear{365};

template <auto destroy>
struct Freed {
    void operator()(auto* object) const { destroy(object); }
};

// A client of which a test decides each step.
class TlsClient {
public:
    TlsClient(std::uint16_t port, int version_max = TLS1_3_VERSION, const char* ciphers = nullptr)
        : context_(SSL_CTX_new(TLS_client_method())), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        SSL_CTX_set_security_level(context_.get(), 0);
        SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
        SSL_CTX_set_max_proto_version(context_.get(), version_max);
        if (ciphers) SSL_CTX_set_cipher_list(context_.get(), ciphers);
        const sockaddr_in address = test::loopback(port);
        EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        session_.reset(SSL_new(context_.get()));
        SSL_set_fd(session_.get(), socket_);
    }
    ~TlsClient() { ::close(socket_); }

    bool connect() { return SSL_connect(session_.get()) == 1; }
    std::string version() const { return SSL_get_version(session_.get()); }
    std::string protocol() {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(session_.get(), &name, &size);
        return {reinterpret_cast<const char*>(name), size};
    }
    SSL* session() { return session_.get(); }
    // What it answers until it closes.
    std::string talk(const std::string& request) {
        SSL_write(session_.get(), request.data(), static_cast<int>(request.size()));
        std::string said;
        char block[4096];
        for (int size = 0; (size = SSL_read(session_.get(), block, sizeof block)) > 0;)
            said.append(block, static_cast<std::size_t>(size));
        closed_cleanly = SSL_get_error(session_.get(), 0) == SSL_ERROR_ZERO_RETURN;
        return said;
    }
    bool closed_cleanly = false;

private:
    std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context_;
    std::unique_ptr<SSL, Freed<SSL_free>> session_;
    const int socket_;
};

class TlsEdge : public EdgeTest {
protected:
    TlsEdge() {
        std::signal(SIGPIPE, SIG_IGN);  // as the program does: OpenSSL writes without MSG_NOSIGNAL
        files = make("server");
    }

    TlsFiles make(const std::string& name, std::chrono::days lifetime = kYear) const {
        const auto made = make_self_signed({"127.0.0.1", "localhost"}, clock.wall_now(), lifetime);
        TlsFiles made_files{write(name + ".pem", made.certificate), write(name + ".key", made.key), ""};
        return made_files;
    }
    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = (dir.path() / name).string();
        std::ofstream(path) << text;
        return path;
    }
    std::shared_ptr<const TlsContext> load(const TlsFiles& from) const {
        auto loaded = TlsContext::load(from, clock.wall_now());
        EXPECT_TRUE(loaded) << loaded.error().message;
        return loaded.value_or(nullptr);
    }
    void start_tls() {
        config.tls = load(files);
        start();
    }
    // What a client does that trusts only the server's certificate.
    Result<ClientResponse> call(const ClientRequest& request, const ClientConfig& more = {}) const {
        ClientConfig trusting = more;
        trusting.ca_file = files.certificate;
        Client client("https://127.0.0.1:" + std::to_string(listener->port()), trusting);
        return client.send(request, kPatience);
    }
    double handshakes_failed() { return metrics.http_rejected_total.Add({{"reason", "tls_handshake_failed"}}).Value(); }

    test::TempDir dir;
    TlsFiles files;
};

TEST_F(TlsEdge, AnswersAsWithoutIt) {
    config.answer_bytes_max = 2 * kLargeBytes;
    start_tls();
    const auto small = call({.target = "/echo/a"});
    ASSERT_TRUE(small) << small.error().message;
    EXPECT_THAT(small->body, HasSubstr(R"("path":"/echo/a")"));
    const std::string body(kThingBytesMax, 'x');
    const auto posted = call({.method = "POST", .target = "/things", .headers = {}, .body = body});
    ASSERT_TRUE(posted) << posted.error().message;
    EXPECT_THAT(posted->body, HasSubstr(body));
    const auto large = call({.target = "/large"});
    ASSERT_TRUE(large) << large.error().message;
    EXPECT_EQ(large->body.size(), kLargeBytes);
}

TEST_F(TlsEdge, KeepsConnectionsAndEndsThemCleanly) {
    start_tls();
    TlsClient client(listener->port());
    const unsigned char offered[] = "\x02h2\x08http/1.1";
    SSL_set_alpn_protos(client.session(), offered, sizeof offered - 1);
    ASSERT_TRUE(client.connect());
    EXPECT_EQ(client.protocol(), "http/1.1");
    const std::string said = client.talk(get("/echo/a") + get("/echo/b", "Connection: close\r\n"));
    EXPECT_THAT(said, HasSubstr(R"("path":"/echo/a")"));
    EXPECT_THAT(said, HasSubstr(R"("path":"/echo/b")"));
    EXPECT_TRUE(client.closed_cleanly) << "a cut answer must be told from a whole one";
}

TEST_F(TlsEdge, SpeaksTls12And13WithForwardSecrecyOnly) {
    start_tls();
    TlsClient newest(listener->port()), older(listener->port(), TLS1_2_VERSION);
    EXPECT_TRUE(newest.connect());
    EXPECT_EQ(newest.version(), "TLSv1.3");
    EXPECT_TRUE(older.connect());
    EXPECT_EQ(older.version(), "TLSv1.2");
    EXPECT_FALSE(TlsClient(listener->port(), TLS1_1_VERSION).connect());
    EXPECT_FALSE(TlsClient(listener->port(), TLS1_2_VERSION, "ECDHE+AES+CBC:ECDHE+SHA1").connect());
    EXPECT_TRUE(test::eventually([&] { return handshakes_failed() >= 2; }));
}

TEST_F(TlsEdge, ExchangesKeysOverCurvesOnly) {
    start_tls();
    const auto connects_with = [&](const char* groups) {
        TlsClient client(listener->port());
        EXPECT_EQ(SSL_set1_groups_list(client.session(), groups), 1);
        return client.connect();
    };
    for (const char* group : {"X25519", "P-256", "P-384"}) EXPECT_TRUE(connects_with(group)) << group;
    for (const char* group : {"ffdhe2048", "ffdhe8192"}) EXPECT_FALSE(connects_with(group)) << group;
}

TEST_F(TlsEdge, WhoSaysNothingOrStopsHalfwayIsDropped) {
    config.handshake_timeout = milliseconds(50);
    start_tls();
    RawConnection silent = connect(), halfway = connect(), other = connect();
    halfway.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
    other.send("\x80 is no record of TLS and no method");
    EXPECT_TRUE(silent.closed());
    EXPECT_TRUE(halfway.closed());
    const auto said = other.receive_all();
    EXPECT_FALSE(said && said->contains("HTTP/"));
    EXPECT_TRUE(test::eventually([&] { return handshakes_failed() == 3; })) << handshakes_failed();
    EXPECT_TRUE(call({.target = "/echo/a"}));
}

TEST_F(TlsEdge, WhoSpeaksHttpInTheClearIsToldSo) {
    start_tls();
    for (const char* method : {"GET", "POST", "DELETE", "get"}) {
        RawConnection plain = connect();
        plain.send(std::string(method) + " /echo/secret HTTP/1.1\r\nHost: localhost\r\nX-API-Key: a-key\r\n\r\n");
        const auto said = plain.receive_all();
        ASSERT_TRUE(said) << method;
        EXPECT_THAT(*said, testing::StartsWith("HTTP/1.1 400 Bad Request\r\n"));
        EXPECT_THAT(*said, HasSubstr("https://"));
        EXPECT_THAT(*said, HasSubstr("Connection: close"));
        EXPECT_THAT(*said, testing::Not(HasSubstr("secret")));
    }
    EXPECT_EQ(handshakes_failed(), 4);
    EXPECT_TRUE(call({.target = "/echo/a"}));
}

TEST_F(TlsEdge, ARequestThatComesTooSlowlyIsRefusedAsWithoutIt) {
    config.request_timeout = milliseconds(100);
    start_tls();
    TlsClient slow(listener->port());
    ASSERT_TRUE(slow.connect());
    EXPECT_THAT(slow.talk("GET /echo/a HTTP/1.1\r\n"), HasSubstr("HTTP/1.1 408"));
}

TEST_F(TlsEdge, NewCertificatesAreForNewConnections) {
    start_tls();
    TlsClient before(listener->port());
    ASSERT_TRUE(before.connect());
    const TlsFiles old = files;
    files = make("renewed");
    const auto renewed = load(files);
    EXPECT_NE(renewed->fingerprint(), config.tls->fingerprint());
    listener->set_tls(renewed);
    EXPECT_TRUE(call({.target = "/echo/a"})) << "trusting only the new one";
    EXPECT_THAT(before.talk(get("/echo/a", "Connection: close\r\n")), HasSubstr("200 OK"));
    files = old;
    EXPECT_FALSE(call({.target = "/echo/a"}));
}

TEST_F(TlsEdge, ClientsWithoutACertificateOfTheAuthorityAreRefused) {
    const TlsFiles known = make("known"), stranger = make("stranger");
    files.client_authorities = known.certificate;
    start_tls();
    const auto showing = [&](const TlsFiles& shown) {
        ClientConfig more;
        more.certificate_file = shown.certificate;
        more.key_file = shown.key;
        return call({.target = "/echo/a"}, more);
    };
    const auto admitted = showing(known);
    EXPECT_TRUE(admitted) << admitted.error().message;
    EXPECT_FALSE(showing(stranger));
    EXPECT_FALSE(call({.target = "/echo/a"}));
}

TEST_F(TlsEdge, FilesThatCannotBeUsedAreNamed) {
    const auto complaint = [&](const TlsFiles& wrong) {
        const auto loaded = TlsContext::load(wrong, clock.wall_now());
        return loaded ? "none" : loaded.error().message;
    };
    const TlsFiles other = make("other");
    EXPECT_THAT(complaint({"/nowhere.pem", files.key, ""}),
                HasSubstr("/nowhere.pem: is no certificate in PEM: No such"));
    EXPECT_THAT(complaint({files.key, files.key, ""}), HasSubstr(files.key + ": is no certificate"));
    EXPECT_THAT(complaint({files.certificate, other.key, ""}), HasSubstr(other.key + ": is not the certificate's key"));
    EXPECT_THAT(complaint({files.certificate, files.key, files.key}), HasSubstr(files.key + ": holds no certificates"));
    const TlsFiles expired = make("expired", std::chrono::days(-1) + std::chrono::days(0));
    EXPECT_THAT(complaint(expired), HasSubstr(expired.certificate + ": has expired"));
    EXPECT_EQ(complaint(files), "none");
}

TEST_F(TlsEdge, EndsWhileAHandshakeIsUnderWay) {
    start_tls();
    const RawConnection silent = connect();
    TlsClient idle(listener->port());
    ASSERT_TRUE(idle.connect());
    const SteadyTime begun = std::chrono::steady_clock::now();
    listener->stop(kPatience);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, config.handshake_timeout);
}

}  // namespace
}  // namespace ledgerline::http
