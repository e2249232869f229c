// Servers with names, in a file of the user's.
#include "cli/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cli/called.h"
#include "lab/temp_dir.h"

namespace ledgerline::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kNowhere = "http://127.0.0.1:1";

class ProfileTest : public testing::Test {
protected:
    Outcome set(const char* name, const char* url, std::vector<const char*> more = {}) const {
        std::vector<const char*> words = {"profile", "set", name, "--url", url};
        words.insert(words.end(), more.begin(), more.end());
        return call(words);
    }
    // The server that a command without --url calls: nobody is there.
    static std::string called(std::vector<const char*> words = {"lanes"}) {
        const std::string said = call(std::move(words)).err;
        return said.substr(0, said.find(" cannot be reached"));
    }

    const test::TempDir dir_;
    const std::string path_ = (dir_.path() / "new" / "profiles.json").string();
    const Variable variable_{"LEDGERLINE_PROFILES", path_.c_str()};
};

TEST_F(ProfileTest, TheOneInUseNamesTheServer) {
    EXPECT_EQ(call({"profile", "list"}).err, "No profiles.\n");
    ASSERT_EQ(set("prod", "http://127.0.0.1:2").code, roles::exit_ok);
    ASSERT_EQ(set("test", "http://127.0.0.1:3").code, roles::exit_ok);
    EXPECT_EQ(call({"profile", "use", "prod"}).code, roles::exit_ok);
    EXPECT_EQ(called(), "ledgerline: http://127.0.0.1:2");
    EXPECT_EQ(called({"--profile", "test", "lanes"}), "ledgerline: http://127.0.0.1:3");
    EXPECT_EQ(called({"lanes", "--url", kNowhere}), "ledgerline: http://127.0.0.1:1");
    EXPECT_THAT(call({"top", "--once", "--interval", "100ms"}).out, HasSubstr("http://127.0.0.1:2"));
    EXPECT_THAT(call({"profiles", "list", "-o", "csv"}).out, HasSubstr("prod,http://127.0.0.1:2,true,,\r\n"));
    EXPECT_EQ(call({"profile", "delete", "prod"}).code, roles::exit_ok);
    EXPECT_THAT(call({"profile", "list", "-o", "json"}).out, HasSubstr(R"("name":"test")"));
}

TEST_F(ProfileTest, AVariableOrAFlagWinsOverIt) {
    set("prod", "http://127.0.0.1:2");
    call({"profile", "use", "prod"});
    {
        const Variable url("LEDGERLINE_URL", kNowhere);
        EXPECT_EQ(called(), "ledgerline: http://127.0.0.1:1");
        EXPECT_EQ(called({"lanes", "--profile", "prod"}), "ledgerline: http://127.0.0.1:2") << "typed";
    }
    EXPECT_THAT(complaint({"lanes", "--profile", "prod", "--url", kNowhere}), HasSubstr("cannot be combined"));
    EXPECT_EQ(call({"profile", "leave"}).code, roles::exit_ok);
    EXPECT_THAT(called(), HasSubstr("http://127.0.0.1:8080"));
}

// Another server must not get its key.
TEST_F(ProfileTest, ItsKeyGoesToItsServerOnly) {
    const std::string authorities = (dir_.path() / "ca.pem").string();
    std::ofstream{authorities} << "certificates";
    const std::string as_typed = std::filesystem::relative(authorities).string();
    set("prod", "http://127.0.0.1:2", {"--api-key-file", "/nowhere/key", "--ca-file", as_typed.c_str()});
    call({"profile", "use", "prod"});
    EXPECT_THAT(complaint({"lanes"}), HasSubstr("--api-key-file /nowhere/key: cannot be read"));
    EXPECT_EQ(called({"lanes", "--url", kNowhere}), "ledgerline: http://127.0.0.1:1");
    const auto options = with_profile({});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->api_key_file, "/nowhere/key");
    EXPECT_TRUE(options->ca_file.starts_with("/"));
    EXPECT_TRUE(std::filesystem::equivalent(options->ca_file, authorities)) << options->ca_file;
    const Variable key("LEDGERLINE_API_KEY", "k");
    EXPECT_EQ(called(), "ledgerline: http://127.0.0.1:2") << "with the key of the variable";
}

TEST_F(ProfileTest, IsCheckedWhereItIsMade) {
    EXPECT_THAT(set("a b", kNowhere).err, HasSubstr("NAME must be a name of up to 64 letters, digits, - and _"));
    EXPECT_THAT(set("prod", "ftp://x").err, HasSubstr("--url: the URL must be"));
    EXPECT_THAT(complaint({"profile", "use", "prod"}), HasSubstr("there is no profile 'prod'"));
    EXPECT_THAT(complaint({"lanes", "--profile", "prod"}), HasSubstr("there is no profile 'prod'"));
    set("prod", kNowhere);
    struct stat status{};
    ASSERT_EQ(stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    std::ofstream(path_) << "{";
    EXPECT_THAT(complaint({"lanes"}), HasSubstr(path_));
}

TEST_F(ProfileTest, ThereAreAtMostSoMany) {
    for (std::size_t i = 0; i < profiles_max; ++i)
        ASSERT_EQ(set(("p" + std::to_string(i)).c_str(), kNowhere).code, roles::exit_ok);
    EXPECT_THAT(set("more", kNowhere).err, HasSubstr("there are 100 profiles already"));
    EXPECT_EQ(set("p7", "http://127.0.0.1:2").code, roles::exit_ok) << "a change";
}

}  // namespace
}  // namespace ledgerline::cli
