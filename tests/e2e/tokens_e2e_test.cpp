// Access tokens as operators set them up and as the commands send them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "e2e/program.h"
#include "e2e/shell.h"
#include "lab/temp_dir.h"
#include "lab/test_database.h"
#include "lab/token_issuer.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class TokensE2e : public testing::Test {
protected:
    TokensE2e() { issuer_.make_key("first", "RS256"); }

    std::vector<std::string> arguments(const std::vector<std::string>& more = {}) const {
        std::vector<std::string> flags{"--jwt-issuer",        issuer_.url(),   "--jwt-audience",
                                       TokenIssuer::audience, "--jwt-ca-file", issuer_.certificate()};
        flags.insert(flags.end(), more.begin(), more.end());
        return role_arguments("api", database_.url(), flags);
    }
    std::string file(const std::string& name, const std::string& text) const {
        const auto path = dir_.path() / name;
        std::ofstream(path) << text;
        std::filesystem::permissions(path, std::filesystem::perms(0600));
        return path.string();
    }
    std::string token(const std::string& scopes, const std::string& subject = "alice") const {
        return issuer_.token("first", {{"sub", subject}, {"scope", scopes}});
    }
    static Answer call(const RoleProcess& api, const std::string& token, const std::string& target,
                       const std::string& body = "") {
        const std::vector<http::Header> headers{{"Authorization", "Bearer " + token}};
        return ApiClient(api.port()).call(body.empty() ? "GET" : "POST", target, body, headers);
    }

    const TempDir dir_;
    const TestDatabase database_;
    TokenIssuer issuer_;
};

TEST_F(TokensE2e, ClosesTheApiAndLetsInThoseWithScopes) {
    RoleProcess api(arguments());
    EXPECT_EQ(ApiClient(api.port()).get("/v1/accounts").status, 401);
    const std::string writer = token("accounts:write accounts:read");
    ASSERT_TRUE(eventually([&] { return call(api, writer, "/v1/accounts").status == 200; })) << api.program().output();
    const Answer made = call(api, writer, "/v1/accounts", R"({"currency":"EUR"})");
    ASSERT_EQ(made.status, 201) << made.text();
    const Answer floor = call(api, writer, "/v1/accounts", R"({"currency":"EUR","min_balance_cents":-1})");
    EXPECT_EQ(floor.code(), "key_limit_exceeded");
    EXPECT_EQ(call(api, token("accounts:read"), "/v1/accounts", R"({"currency":"EUR"})").code(), "insufficient_scope");
    EXPECT_EQ(call(api, writer + "x", "/v1/accounts").code(), "invalid_token");

    const std::string admin = token("admin", "root");
    EXPECT_EQ(call(api, admin, "/v1/audit?key_id=sub:alice&subject_is_not_here=1").status, 400);
    const Answer audit = call(api, admin, "/v1/audit?subject=" + made.at("id"));
    EXPECT_EQ(audit.at("audit.0.key_id"), "sub:alice") << audit.text();
    EXPECT_EQ(call(api, admin, "/v1/audit?key_id=sub:alice").at("audit.0.key_id"), "sub:alice");
    EXPECT_EQ(api.stop(), "exit code 0");
    EXPECT_THAT(api.program().output(), HasSubstr("\"key_id\":\"sub:alice\""));
    EXPECT_THAT(api.program().output(), Not(HasSubstr(writer.substr(0, writer.rfind('.')))));
}

TEST_F(TokensE2e, SeeTheTenantThatTheIssuerNames) {
    RoleProcess api(arguments({"--jwt-tenant-claim", "org"}));
    const auto of = [&](const json::Value& tenant) {
        return issuer_.token("first", {{"sub", "alice"}, {"scope", "admin accounts:write"}, {"org", tenant}});
    };
    const std::string operators = of("default"), acme = of("acme");
    ASSERT_TRUE(eventually([&] { return call(api, operators, "/v1/accounts").status == 200; }))
        << api.program().output();
    EXPECT_EQ(call(api, acme, "/v1/accounts").code(), "invalid_token") << "there is none yet";
    const std::vector<http::Header> headers{{"Authorization", "Bearer " + operators}};
    ASSERT_EQ(ApiClient(api.port()).call("PUT", "/v1/tenants/acme", "", headers).status, 201);
    const Answer made = call(api, acme, "/v1/accounts", R"({"currency":"EUR"})");
    ASSERT_EQ(made.status, 201) << made.text();
    EXPECT_EQ(call(api, operators, "/v1/accounts/" + made.at("id")).status, 404);
    EXPECT_EQ(call(api, acme, "/v1/accounts/" + made.at("id")).status, 200);
    EXPECT_EQ(call(api, acme, "/v1/tenants").code(), "insufficient_scope");
    EXPECT_EQ(call(api, token("admin"), "/v1/accounts").code(), "invalid_token") << "it names none";
}

TEST_F(TokensE2e, CommandsSendTheTokenOfAFile) {
    RoleProcess api(arguments({"--jwt-jwks", issuer_.keys_url()}));
    const std::string reader = token("lanes:read");
    ASSERT_TRUE(eventually([&] { return call(api, reader, "/v1/lanes").status == 200; })) << api.program().output();
    const std::string url = fmt::format("http://127.0.0.1:{}", api.port());
    const Shelled good = shell(dir_.path(), "$L lanes --token-file " + file("token", reader + "\n"), url);
    EXPECT_EQ(good.code, 0) << good.err;
    const Shelled none = shell(dir_.path(), "$L lanes --token-file " + file("empty", "\n"), url);
    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.err, HasSubstr("holds no access token"));
    const Shelled stale =
        shell(dir_.path(),
              "$L lanes --token-file " +
                  file("stale", issuer_.token("first", {{"sub", "a"}}, WallTime(std::chrono::seconds(1'700'000'000)))),
              url);
    EXPECT_EQ(stale.code, 1);
    EXPECT_THAT(stale.err, HasSubstr("it has expired"));
}

TEST_F(TokensE2e, FlagsThatDoNotFitAreNamed) {
    const auto complaint = [&](const std::vector<std::string>& flags) {
        Program program(role_arguments("api", database_.url(), flags));
        EXPECT_EQ(program.wait_outcome(), "exit code 2");
        return program.output();
    };
    EXPECT_THAT(complaint({"--jwt-issuer", "https://a.example"}), HasSubstr("--jwt-issuer needs --jwt-audience"));
    EXPECT_THAT(complaint({"--jwt-audience", "a"}), HasSubstr("need --jwt-issuer"));
    EXPECT_THAT(complaint({"--jwt-issuer", "http://a.example", "--jwt-audience", "a"}), HasSubstr("https://"));
    EXPECT_THAT(
        complaint({"--jwt-issuer", "https://a.example", "--jwt-audience", "a", "--jwt-jwks", file("keys", "{}")}),
        HasSubstr("has no list of keys"));
    EXPECT_THAT(complaint({"--jwt-scope-claim", "a b"}), HasSubstr("--jwt-scope-claim"));
    EXPECT_THAT(complaint({"--jwt-tenant-claim", "a b"}), HasSubstr("--jwt-tenant-claim"));
}

}  // namespace
}  // namespace ledgerline::test
