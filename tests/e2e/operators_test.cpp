// What operators call has an address of its own, if they want.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "e2e/program.h"
#include "http/client.h"
#include "http/server/self_signed.h"
#include "lab/temp_dir.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

class Operators : public testing::Test {
protected:
    std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
        more.insert(more.end(), {"--operator-listen", "127.0.0.1:0"});
        return role_arguments("api", database_.url(), more);
    }
    // As the log says it.
    static std::uint16_t operators_port(Program& program) {
        constexpr std::string_view message = "operators have an address of their own", member = "\"port\":";
        EXPECT_TRUE(program.prints(std::string(message)));
        const std::string output = program.output();
        const std::size_t at = output.find(member, output.find(message)) + member.size();
        return parse_port(output.substr(at, output.find_first_not_of("0123456789", at) - at)).value_or(0);
    }
    std::string file(const std::string& name, const std::string& text) const {
        const auto path = dir_.path() / name;
        std::ofstream(path) << text;
        std::filesystem::permissions(path, std::filesystem::perms(0600));
        return path.string();
    }

    const TempDir dir_;
    const TestDatabase database_;
};

TEST_F(Operators, AreServedAtTheirAddressOnly) {
    const std::string key = "a-key-of-this-test-0123456789";
    RoleProcess api(arguments({"--api-keys-file", file("keys", key + "\n")}));
    ApiClient clients(api.port(), key), operators(operators_port(api.program()), key);
    for (const char* target : {"/console", "/v1/keys", "/v1/audit", "/v1/approvals", "/v1/dead-letters", "/v1/lanes",
                               "/health", "/metrics", "/stats"}) {
        EXPECT_EQ(clients.get(target).code(), "route_not_found") << target;
        EXPECT_EQ(operators.get(target).status, 200) << target;
    }
    for (const char* target : {"/v1/accounts", "/v1/transactions", "/livez", "/readyz"}) {
        EXPECT_EQ(clients.get(target).status, 200) << target;
        EXPECT_EQ(operators.get(target).status, 200) << target;
    }
    EXPECT_EQ(ApiClient(operators_port(api.program())).get("/v1/keys").status, 401);
    // A key made there is one everywhere.
    const Answer made = operators.post("/v1/keys", R"({"name":"shop","scopes":["accounts:read"]})");
    ASSERT_EQ(made.status, 201) << made.text();
    EXPECT_TRUE(eventually([&] { return ApiClient(api.port(), made.at("key")).get("/v1/accounts").status == 200; }));
    EXPECT_EQ(api.stop(), "exit code 0");
}

TEST_F(Operators, HaveTheSameCertificate) {
    const auto made = http::make_self_signed({"127.0.0.1"}, SystemClock().wall_now(), std::chrono::days(30));
    const std::string certificate = file("cert.pem", made.certificate);
    RoleProcess api(arguments({"--tls-cert", certificate, "--tls-key", file("cert.key", made.key)}));
    http::ClientConfig config;
    config.ca_file = certificate;
    for (const std::uint16_t port : {api.port(), operators_port(api.program())}) {
        const auto answer =
            http::Client(fmt::format("https://127.0.0.1:{}", port), config).send({.target = "/livez"}, patience);
        ASSERT_TRUE(answer) << answer.error().message;
        EXPECT_EQ(answer->status, 200);
    }
}

}  // namespace
}  // namespace ledgerline::test
