// https as operators set it up and as the commands speak it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "e2e/program.h"
#include "e2e/shell.h"
#include "http/client.h"
#include "http/server/self_signed.h"
#include "http/server/tls.h"
#include "lab/temp_dir.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;

constexpr const char* kApiKey = "a-key-of-this-test-0123456789";

class TlsTest : public testing::Test {
protected:
    std::string write(const std::string& name, const std::string& text, unsigned mode = 0600) const {
        const auto path = dir_.path() / name;
        std::ofstream(path) << text;
        std::filesystem::permissions(path, std::filesystem::perms(mode));
        return path.string();
    }
    // NAME.pem and NAME.key.
    void make(const std::string& name, std::chrono::days lifetime = std::chrono::days(30)) const {
        make(name, {"127.0.0.1"}, lifetime);
    }
    void make(const std::string& name, const std::vector<std::string>& names,
              std::chrono::days lifetime = std::chrono::days(30)) const {
        const auto made = http::make_self_signed(names, SystemClock().wall_now(), lifetime);
        write(name + ".key", made.key);
        write(name + ".pem", made.certificate, 0644);
    }
    std::string file(const std::string& name) const { return (dir_.path() / name).string(); }
    // The certificate and key of that name become those of the server, as a deployment tool replaces them.
    void put_in_place(const std::string& name) const {
        for (const char* ending : {".pem", ".key"})
            std::filesystem::copy_file(file(name + ending), file(std::string("new") + ending));
        for (const char* ending : {".pem", ".key"})
            std::filesystem::rename(file(std::string("new") + ending), file(std::string("server") + ending));
    }
    std::vector<std::string> with_tls(const std::vector<std::string>& more = {}) const {
        std::vector<std::string> flags{"--tls-cert", file("server.pem"), "--tls-key", file("server.key")};
        flags.insert(flags.end(), more.begin(), more.end());
        return flags;
    }
    static std::string url(const RoleProcess& role) { return fmt::format("https://127.0.0.1:{}", role.port()); }
    // What a client that trusts only this certificate is answered; "" when it is not.
    std::string read(const RoleProcess& role, const std::string& certificate, const std::string& target) const {
        http::ClientConfig config;
        config.ca_file = file(certificate);
        const auto answer = http::Client(url(role), config).send({.target = target}, patience);
        return answer && answer->status == 200 ? answer->body : "";
    }
    bool shows(const RoleProcess& role, const std::string& certificate) const {
        return !read(role, certificate, "/livez").empty();
    }
    // When the process says that its certificate expires, and when it does.
    double expiry_told(const RoleProcess& role, const std::string& certificate) const {
        const std::string metrics = read(role, certificate, "/metrics");
        const std::string name = "\nhttp_certificate_expiry_timestamp_seconds ";
        const std::size_t at = metrics.find(name);
        return at == std::string::npos ? 0 : std::stod(metrics.substr(at + name.size()));
    }
    double expiry_of(const std::string& name) const {
        const http::TlsFiles files{file(name + ".pem"), file(name + ".key"), ""};
        const auto context = http::TlsContext::load(files, SystemClock().wall_now());
        return context ? static_cast<double>((*context)->expires_at().time_since_epoch().count()) : -1;
    }

    const TempDir dir_;
};

TEST_F(TlsTest, ACertificateForATryIsMadeOnceAndTheCommandsTrustItWhenTold) {
    const std::string keys = write("keys", std::string(kApiKey) + "\n", 0640);
    const auto data = dir_.path() / "data";
    const std::string certificate = (data / "tls" / "certificate.pem").string();
    const auto begin = [&] {
        return std::make_unique<UpProcess>(data, 0, "127.0.0.1",
                                           std::vector<std::string>{"--tls-self-signed", "--api-keys-file", keys});
    };
    auto up = begin();
    EXPECT_TRUE(up->program().prints("ledgerline is ready: https://127.0.0.1:"));
    const auto context =
        http::TlsContext::load({certificate, (data / "tls" / "key.pem").string(), ""}, SystemClock().wall_now());
    ASSERT_TRUE(context) << context.error().message;
    EXPECT_THAT(up->program().output(), HasSubstr((*context)->fingerprint()));
    struct stat facts{};
    ASSERT_EQ(stat((data / "tls" / "key.pem").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777u, 0600u);

    const std::string lanes = fmt::format("LEDGERLINE_API_KEY={} $L lanes", kApiKey);
    const Shelled trusting = shell(dir_.path(), lanes + " --ca-file " + certificate, url(*up));
    EXPECT_EQ(trusting.code, 0) << trusting.err;
    const Shelled stranger = shell(dir_.path(), lanes, url(*up));
    EXPECT_EQ(stranger.code, 3) << stranger.out;
    EXPECT_THAT(stranger.err, HasSubstr("certificate"));

    http::ClientConfig config;
    config.ca_file = certificate;
    const auto logged_in =
        http::Client(url(*up), config)
            .send({.method = "POST", .target = "/console/session", .headers = {{"X-API-Key", kApiKey}}}, patience);
    ASSERT_TRUE(logged_in) << logged_in.error().message;
    ASSERT_TRUE(logged_in->header("set-cookie"));
    EXPECT_THAT(*logged_in->header("set-cookie"), HasSubstr("; Secure"));
    EXPECT_EQ(up->stop(), "exit code 0");

    up = begin();
    EXPECT_THAT(up->program().output(), HasSubstr((*context)->fingerprint())) << "clients trust it already";
    EXPECT_EQ(up->stop(), "exit code 0");
}

TEST_F(TlsTest, NewCertificatesAreTakenWhenTheFilesChangeAndOnHangup) {
    for (const auto& [name, days] : {std::pair("first", 30), {"second", 40}, {"third", 50}})
        make(name, std::chrono::days(days));
    put_in_place("first");
    const TestDatabase database;
    RoleProcess api(role_arguments("api", database.url(), with_tls()));
    EXPECT_TRUE(shows(api, "first.pem"));
    EXPECT_EQ(expiry_told(api, "first.pem"), expiry_of("first"));
    put_in_place("second");
    EXPECT_TRUE(eventually([&] { return shows(api, "second.pem"); })) << api.program().output();
    EXPECT_EQ(expiry_told(api, "second.pem"), expiry_of("second"));
    EXPECT_FALSE(shows(api, "first.pem"));

    write("server.pem", "not a certificate\n");
    api.program().signal(SIGHUP);
    EXPECT_TRUE(api.program().prints("the certificate could not be reloaded")) << api.program().output();
    EXPECT_TRUE(shows(api, "second.pem"));
    put_in_place("third");
    api.program().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return shows(api, "third.pem"); })) << api.program().output();
    EXPECT_EQ(api.stop(), "exit code 0");
}

TEST_F(TlsTest, ClientsShowACertificateWhereOneIsAskedFor) {
    make("server");
    make("known");
    make("stranger");
    const TestDatabase database;
    RoleProcess api(role_arguments("api", database.url(), with_tls({"--tls-client-ca", file("known.pem")})));
    const auto lanes = [&](const std::string& more) {
        return shell(dir_.path(), "$L lanes --ca-file server.pem " + more, url(api));
    };
    const Shelled known = lanes("--client-cert known.pem --client-key known.key");
    EXPECT_EQ(known.code, 0) << known.err;
    EXPECT_NE(lanes("--client-cert stranger.pem --client-key stranger.key").code, 0);
    EXPECT_NE(lanes("").code, 0);
    const Shelled half = lanes("--client-cert known.pem");
    EXPECT_EQ(half.code, 2);
    EXPECT_THAT(half.err, HasSubstr("--client-cert and --client-key need one another"));
    EXPECT_EQ(api.stop(), "exit code 0");
}

TEST_F(TlsTest, ACertificateStandsForTheKeyThatItNames) {
    make("server");
    const TestDatabase database;
    RoleProcess plain(role_arguments("api", database.url(), {}));
    const auto call = [&](const std::string& method, const std::string& target, const std::string& body,
                          const std::string& key) { return ApiClient(plain.port(), key).call(method, target, body); };
    const std::string admin = call("POST", "/v1/keys", R"({"name":"admin","scopes":["admin"]})", "").at("key");
    ASSERT_TRUE(eventually([&] { return call("GET", "/v1/keys", "", admin).status == 200; }));
    const Answer key = call("POST", "/v1/keys", R"({"name":"shop","scopes":["lanes:read"]})", admin);
    ASSERT_EQ(key.status, 201) << key.text();
    const std::string name = "urn:uuid:" + key.at("id");
    make("known", {name});
    make("two", {"two.example", name, "urn:uuid:0198f0a0-0000-7000-8000-000000000000"});
    make("none", {"urn:other:" + key.at("id"), "client.example"});
    make("nobody", {"urn:uuid:0198f0a0-0000-7000-8000-000000000000"});
    make("stranger", {name});
    std::string authorities;
    for (const char* each : {"known", "two", "none", "nobody"})
        authorities += (std::ostringstream() << std::ifstream(file(each + std::string(".pem"))).rdbuf()).str();
    write("ca.pem", authorities);
    const auto flags = [&](std::vector<std::string> more) {
        more.insert(more.end(), {"--tls-client-ca", file("ca.pem")});
        return role_arguments("api", database.url(), with_tls(more));
    };
    RoleProcess api(flags({"--tls-client-keys"})), unmapped(flags({}));
    const auto code = [&](const RoleProcess& role, const std::string& certificate, const std::string& target,
                          const std::string& sent = "") {
        http::ClientConfig config;
        config.ca_file = file("server.pem");
        config.certificate_file = file(certificate + ".pem");
        config.key_file = file(certificate + ".key");
        std::vector<http::Header> headers;
        if (!sent.empty()) headers.emplace_back("X-API-Key", sent);
        const auto answer = http::Client(url(role), config).send({.target = target, .headers = headers}, patience);
        return answer ? answer->status : 0;
    };
    EXPECT_EQ(code(api, "known", "/v1/lanes"), 200);
    EXPECT_EQ(code(api, "known", "/v1/keys"), 403) << "the key's scopes hold";
    EXPECT_EQ(code(api, "known", "/v1/lanes", "wrong-key-of-some-length"), 403);
    EXPECT_EQ(code(api, "known", "/v1/keys", admin), 200) << "a key that is sent counts alone";
    for (const char* certificate : {"two", "none"}) EXPECT_EQ(code(api, certificate, "/v1/lanes"), 401);
    EXPECT_EQ(code(api, "nobody", "/v1/lanes"), 403);
    EXPECT_EQ(code(api, "stranger", "/v1/lanes"), 0);
    EXPECT_EQ(code(unmapped, "known", "/v1/lanes"), 401);
    EXPECT_EQ(call("POST", "/v1/keys/" + key.at("id") + "/revoke", "", admin).status, 200);
    EXPECT_TRUE(eventually([&] { return code(api, "known", "/v1/lanes") == 403; }));
}

TEST_F(TlsTest, WrongFilesAreFoundBeforeAnythingBegins) {
    make("server");
    make("other");
    make("expired", std::chrono::days(-1));
    write("open.key", "", 0644);
    std::filesystem::copy_file(file("server.key"), file("open.key"), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::permissions(file("open.key"), std::filesystem::perms(0644));
    const auto complaint = [&](const std::vector<std::string>& flags) {
        Program program(role_arguments("api", "postgresql://nobody@127.0.0.1:1/none", flags));
        EXPECT_EQ(program.wait_outcome(), "exit code 2");
        return program.output();
    };
    EXPECT_THAT(complaint({"--tls-cert", file("server.pem")}), HasSubstr("--tls-cert and --tls-key need one another"));
    EXPECT_THAT(complaint({"--tls-client-ca", file("server.pem")}), HasSubstr("--tls-client-ca needs --tls-cert"));
    EXPECT_THAT(complaint({"--tls-cert", file("server.pem"), "--tls-key", file("server.key"), "--tls-client-keys"}),
                HasSubstr("--tls-client-keys needs --tls-client-ca"));
    EXPECT_THAT(complaint({"--tls-cert", file("server.pem"), "--tls-key", file("open.key")}),
                HasSubstr("every user of this machine can read it"));
    EXPECT_THAT(complaint({"--tls-cert", file("server.pem"), "--tls-key", file("other.key")}),
                HasSubstr("is not the certificate's key"));
    EXPECT_THAT(complaint({"--tls-cert", file("expired.pem"), "--tls-key", file("expired.key")}),
                HasSubstr("has expired"));
    EXPECT_THAT(complaint({"--tls-cert", file("missing.pem"), "--tls-key", file("server.key")}),
                HasSubstr("missing.pem"));
}

TEST_F(TlsTest, ADatabaseThatProvesNothingIsWarnedAboutUnlessItIsOnThisMachine) {
    const auto warned = [&](const std::string& url) {
        Program program(role_arguments("api", url, {"--startup-timeout", "1s"}));
        program.wait_outcome();
        return program.output().contains("nothing proves that the server is ours");
    };
    // Addresses for documentation: nobody is there.
    EXPECT_TRUE(warned("postgresql://a@192.0.2.1:1/b?connect_timeout=2"));
    EXPECT_TRUE(warned("postgresql://a@192.0.2.1:1/b?connect_timeout=2&sslmode=require"));
    EXPECT_FALSE(warned("postgresql://a@192.0.2.1:1/b?connect_timeout=2&sslmode=verify-full&sslrootcert=/none"));
    EXPECT_FALSE(warned("postgresql://a@127.0.0.1:1/b"));
    EXPECT_FALSE(warned("postgresql://a@localhost:1/b"));
}

}  // namespace
}  // namespace ledgerline::test
