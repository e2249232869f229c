// Keys across processes, as operators use them: the first one, several instances, the file of the first one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "e2e/program.h"
#include "lab/temp_dir.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds kNoticedWithin{5};

class KeysE2e : public testing::Test {
protected:
    static int status(const RoleProcess& api, const std::string& key) {
        return ApiClient(api.port(), key).get("/v1/accounts").status;
    }
    // Whether that is so within the time that is promised.
    static bool soon(const std::function<bool()>& is_so) {
        const auto began = std::chrono::steady_clock::now();
        return eventually(is_so) && std::chrono::steady_clock::now() - began < kNoticedWithin;
    }
    std::string file(const std::string& name) const { return (dir_.path() / name).string(); }
    static std::string first_line(const std::string& path) {
        std::ifstream in(path);
        std::string line;
        std::getline(in, line);
        return line;
    }

    const TempDir dir_;
    const TestDatabase database_;
};

TEST_F(KeysE2e, WhatOneInstanceChangesAllKnowWithin5Seconds) {
    RoleProcess one(role_arguments("api", database_.url())), other(role_arguments("api", database_.url()));
    for (RoleProcess* each : {&one, &other}) {
        EXPECT_TRUE(each->program().prints("the API is open")) << each->program().output();
        EXPECT_EQ(status(*each, ""), 200);
    }
    const Answer made = ApiClient(one.port()).post("/v1/keys", R"({"name":"ops","scopes":["admin"]})");
    ASSERT_EQ(made.status, 201) << made.text();
    const std::string admin = made.at("key");
    EXPECT_TRUE(soon([&] { return status(one, "") == 401 && status(other, "") == 401; }));
    EXPECT_TRUE(soon([&] { return status(one, admin) == 200 && status(other, admin) == 200; }));

    const Answer shop =
        ApiClient(other.port(), admin).post("/v1/keys", R"({"name":"shop","scopes":["accounts:read"]})");
    const std::string text = shop.at("key");
    EXPECT_TRUE(soon([&] { return status(one, text) == 200 && status(other, text) == 200; }));
    EXPECT_EQ(ApiClient(one.port(), admin).post("/v1/keys/" + shop.at("id") + "/revoke", "").status, 200);
    EXPECT_TRUE(soon([&] { return status(one, text) == 403 && status(other, text) == 403; }));

    EXPECT_EQ(one.stop(), "exit code 0");
    EXPECT_EQ(other.stop(), "exit code 0");
    EXPECT_THAT(one.program().output(), HasSubstr("\"key_id\":\"" + made.at("id")));
    for (RoleProcess* each : {&one, &other}) {
        EXPECT_THAT(each->program().output(), Not(HasSubstr(admin)));
        EXPECT_THAT(each->program().output(), Not(HasSubstr(text)));
    }
    // Closed from the first moment of the next start.
    RoleProcess again(role_arguments("api", database_.url()));
    EXPECT_EQ(status(again, ""), 401);
    EXPECT_EQ(status(again, admin), 200);
    EXPECT_THAT(again.program().output(), Not(HasSubstr("the API is open")));
}

// A tenant's limit of all instances together: an even part for each that lives.
TEST_F(KeysE2e, InstancesShareATenantsLimitAndTheRestTakesOverFromOneThatIsKilled) {
    RoleProcess one(role_arguments("api", database_.url())), other(role_arguments("api", database_.url()));
    const std::string admin = ApiClient(one.port()).post("/v1/keys", R"({"name":"ops","scopes":["admin"]})").at("key");
    ASSERT_TRUE(soon([&] { return status(one, admin) == 200 && status(other, admin) == 200; }));
    ApiClient operators(one.port(), admin);
    ASSERT_EQ(operators.call("PUT", "/v1/tenants/acme", "").status, 201);
    ASSERT_EQ(operators.call("PUT", "/v1/tenants/acme/limits", R"({"requests_per_second":10,"shared":true})").status,
              200);
    const std::string acme =
        operators.post("/v1/keys", R"({"name":"shop","scopes":["accounts:read"]})", {{"X-Tenant", "acme"}}).at("key");
    // What a refusal says, once more was asked than may be.
    const auto part_of = [&](const RoleProcess& api) {
        ApiClient client(api.port(), acme);
        for (int i = 0; i < 100; ++i)
            if (const Answer answer = client.get("/v1/accounts"); answer.status == 429)
                return answer.header("ratelimit-policy");
        return std::string();
    };
    const auto policy = [](int part) { return fmt::format(R"("tenant-requests";q={};w=1)", part); };
    EXPECT_TRUE(eventually([&] { return part_of(one) == policy(5) && part_of(other) == policy(5); }));
    other.kill();
    EXPECT_TRUE(eventually([&] { return part_of(one) == policy(10); }));
}

TEST_F(KeysE2e, TheFirstKeyIsPutIntoAFileOfItsOwnersOnce) {
    const std::string path = file("first.key");
    auto arguments = role_arguments("api", database_.url(), {"--first-key-file", path, "--run-as", "root"});
    for (std::string& each : arguments)
        if (each == "127.0.0.1:0") each = "0.0.0.0:0";
    std::string admin;
    {
        RoleProcess api(arguments);
        admin = first_line(path);
        EXPECT_THAT(admin, testing::MatchesRegex("llk_[0-9a-f]{32}_[0-9a-f]{64}"));
        EXPECT_EQ(std::filesystem::status(path).permissions(),
                  std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        EXPECT_EQ(status(api, ""), 401);
        EXPECT_EQ(status(api, admin), 200);
        EXPECT_THAT(api.program().output(), Not(HasSubstr(admin)));
    }
    // Where there was a key none is made, and where there is one none of this is needed.
    std::filesystem::remove(path);
    RoleProcess api(arguments);
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(status(api, admin), 200);
}

TEST_F(KeysE2e, AFileThatHoldsSomethingElseIsLeftAlone) {
    std::ofstream(file("notes")) << "dear diary\n";
    Program program(role_arguments("api", database_.url(), {"--first-key-file", file("notes"), "--run-as", "root"}));
    EXPECT_EQ(program.wait_outcome(), "exit code 2");
    EXPECT_THAT(program.output(), HasSubstr("--first-key-file"));
    EXPECT_EQ(first_line(file("notes")), "dear diary");
}

TEST_F(KeysE2e, WhereOthersConnectThereMustBeAKey) {
    auto arguments = role_arguments("api", database_.url());
    for (std::string& each : arguments)
        if (each == "127.0.0.1:0") each = "0.0.0.0:0";
    Program none(arguments);
    EXPECT_EQ(none.wait_outcome(), "exit code 2");
    EXPECT_THAT(none.output(), HasSubstr("--first-key-file"));
    std::string admin;
    {
        RoleProcess near(role_arguments("api", database_.url()));
        admin = ApiClient(near.port()).post("/v1/keys", R"({"name":"ops","scopes":["admin"]})").at("key");
    }
    RoleProcess far(arguments);
    EXPECT_EQ(status(far, ""), 401);
    EXPECT_EQ(status(far, admin), 200);
}

}  // namespace
}  // namespace ledgerline::test
