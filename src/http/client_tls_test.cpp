// https: which certificates the client trusts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "http/client.h"

namespace ledgerline::http {
namespace {

constexpr milliseconds kPatience{60'000};
constexpr long kDay = 24 * 3600;

template <auto destroy>
struct Freed {
    void operator()(auto* object) const { destroy(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freed<SSL_free>>;

// A certificate for that address, which signs itself.
Certificate certificate_for(const char* alternative_name, EVP_PKEY* key) {
    Certificate made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -kDay);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), kDay);
    X509_set_pubkey(made.get(), key);
    X509_NAME* name = X509_get_subject_name(made.get());
    const auto* text = reinterpret_cast<const unsigned char*>("ledgerline test");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(made.get(), name);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternative_name);
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
    EXPECT_GT(X509_sign(made.get(), key, EVP_sha256()), 0);
    return made;
}

// Answers one connection, if the client accepts its certificate.
class TlsServer {
public:
    explicit TlsServer(const char* alternative_name)
        : key_(EVP_EC_gen("P-256")),
          certificate_(certificate_for(alternative_name, key_.get())),
          context_(SSL_CTX_new(TLS_server_method())),
          socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
          file_(testing::TempDir() + "ledgerline-tls-" + std::to_string(getpid()) + ".pem") {
        SSL_CTX_use_certificate(context_.get(), certificate_.get());
        SSL_CTX_use_PrivateKey(context_.get(), key_.get());
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(socket_, 1), 0);
        getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        url = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
        std::unique_ptr<std::FILE, Freed<std::fclose>> pem(std::fopen(file_.c_str(), "w"));
        EXPECT_EQ(PEM_write_X509(pem.get(), certificate_.get()), 1);
        thread_ = std::jthread([this] { serve(); });
    }
    ~TlsServer() {
        ::shutdown(socket_, SHUT_RDWR);
        thread_.join();
        ::close(socket_);
        std::remove(file_.c_str());
    }

    const std::string& certificate_file() const { return file_; }
    std::string url;

private:
    void serve() const {
        const int peer = ::accept(socket_, nullptr, nullptr);
        if (peer < 0) return;
        const Session session(SSL_new(context_.get()));
        SSL_set_fd(session.get(), peer);
        char block[4096];
        constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if (SSL_accept(session.get()) == 1 && SSL_read(session.get(), block, sizeof block) > 0)
            SSL_write(session.get(), kAnswer.data(), static_cast<int>(kAnswer.size()));
        ::close(peer);
    }

    const Key key_;
    const Certificate certificate_;
    const Context context_;
    const int socket_;
    const std::string file_;
    std::jthread thread_;
};

constexpr const char* kVariables[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"};

// None of the variables is set when a test begins.
class Tls : public testing::Test {
protected:
    Tls() {
        std::signal(SIGPIPE, SIG_IGN);  // as the program does: OpenSSL writes without MSG_NOSIGNAL
        for (const char* name : kVariables) {
            if (const char* value = std::getenv(name)) before_[name] = value;
            ::unsetenv(name);
        }
    }
    ~Tls() override {
        for (const char* name : kVariables) ::unsetenv(name);
        for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
    }

private:
    std::map<std::string, std::string> before_;
};

TEST_F(Tls, TrustsTheCertificatesThatTheEnvironmentNames) {
    for (const char* variable : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"}) {
        const TlsServer server("IP:127.0.0.1");
        ::setenv(variable, server.certificate_file().c_str(), 1);
        const auto answer = Client(*BaseUrl::parse(server.url)).send({.target = "/"}, kPatience);
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_EQ(answer->body, "ok");
        ::unsetenv(variable);
    }
}

TEST_F(Tls, TrustsTheFileThatItIsGivenInPlaceOfTheEnvironments) {
    const TlsServer server("IP:127.0.0.1");
    ::setenv("SSL_CERT_FILE", "/nowhere", 1);
    const auto answer =
        Client(*BaseUrl::parse(server.url), {.ca_file = server.certificate_file()}).send({.target = "/"}, kPatience);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "ok");
}

TEST_F(Tls, RefusesOtherCertificatesBeforeTheRequestIsSent) {
    const TlsServer stranger("IP:127.0.0.1");
    const auto refused = Client(*BaseUrl::parse(stranger.url)).send({.target = "/"}, kPatience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, client_unreachable);
    EXPECT_THAT(refused.error().message, testing::HasSubstr(stranger.url + " cannot be reached: SSL certificate"));
    const TlsServer other_name("IP:127.0.0.9");
    ::setenv("SSL_CERT_FILE", other_name.certificate_file().c_str(), 1);
    const auto misnamed = Client(*BaseUrl::parse(other_name.url)).send({.target = "/"}, kPatience);
    ASSERT_FALSE(misnamed);
    EXPECT_THAT(misnamed.error().message, testing::HasSubstr("127.0.0.1"));
}

}  // namespace
}  // namespace ledgerline::http
