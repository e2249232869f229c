#include "cluster/login_needs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace ledgerline::cluster {
namespace {

using testing::Contains;
using testing::IsEmpty;

class LoginNeedsTest : public testing::Test {
protected:
    LoginNeedsTest() {
        for (const char* name : {"PGHOST", "PGHOSTADDR", "PGUSER", "PGPASSFILE", "PGSERVICEFILE", "PGSSLKEY"})
            unsetenv(name);
        setenv("HOME", "/users/somebody", 1);
    }
    ~LoginNeedsTest() override { unsetenv("PGHOST"), unsetenv("PGPASSFILE"), unsetenv("PGSSLKEY"); }
};

TEST_F(LoginNeedsTest, TellUnixSocketsFromTheNetwork) {
    for (const char* url : {"postgresql:///a", "postgresql://b:c@/a?host=/run/postgresql", "dbname=a host=@abstract"})
        EXPECT_TRUE(login_needs(url).local_socket) << url;
    for (const char* url : {"postgresql://db/a", "host=db,other dbname=a", "hostaddr=127.0.0.1 dbname=a"})
        EXPECT_FALSE(login_needs(url).local_socket) << url;
    setenv("PGHOST", "db", 1);
    EXPECT_FALSE(login_needs("postgresql:///a").local_socket);
}

TEST_F(LoginNeedsTest, NameTheFilesThatEachLoginReads) {
    setenv("PGPASSFILE", "/etc/passwords", 1);
    setenv("PGSSLKEY", "/etc/key.pem", 1);
    const auto needs = login_needs("postgresql://me@db/a?sslrootcert=/etc/ca.pem&sslmode=verify-full");
    EXPECT_EQ(needs.user, "me");
    for (const char* file : {"/etc/passwords", "/etc/key.pem", "/etc/ca.pem", "/users/somebody/.pgpass"})
        EXPECT_THAT(needs.files, Contains(std::filesystem::path(file)));
}

TEST_F(LoginNeedsTest, WithoutANameTheUserIsTheSystems) { EXPECT_NE(login_needs("postgresql://db/a").user, ""); }

TEST_F(LoginNeedsTest, OfWhatIsNoUrlThereAreNone) {
    const auto needs = login_needs("postgresql://db/a?nonsense=1");
    EXPECT_FALSE(needs.local_socket);
    EXPECT_THAT(needs.files, IsEmpty());
}

}  // namespace
}  // namespace ledgerline::cluster
