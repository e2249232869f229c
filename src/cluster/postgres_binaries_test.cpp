#include "cluster/postgres_binaries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace ledgerline::cluster {
namespace {

// Directories with programs that only print their version.
class PostgresBinariesTest : public testing::Test {
protected:
    PostgresBinariesTest() {
        std::string name = (std::filesystem::temp_directory_path() / "ledgerline-binaries-XXXXXX").string();
        LEDGERLINE_ASSERT(mkdtemp(name.data()));
        root_ = name;
        unsetenv("LEDGERLINE_PG_BINDIR");
    }
    ~PostgresBinariesTest() override {
        unsetenv("LEDGERLINE_PG_BINDIR");
        std::filesystem::remove_all(root_);
    }

    std::filesystem::path make(const std::string& name, const std::string& version_line) {
        const auto directory = root_ / name;
        std::filesystem::create_directories(directory);
        for (const char* program : {"postgres", "initdb"}) {
            std::ofstream(directory / program) << "#!/bin/sh\necho '" << version_line << "'\n";
            std::filesystem::permissions(directory / program, std::filesystem::perms::owner_all);
        }
        return directory;
    }

    std::filesystem::path root_;
};

TEST_F(PostgresBinariesTest, AsksTheProgramsForTheirVersion) {
    const auto found = find_postgres(make("it's here", "postgres (PostgreSQL) 16.2 (Debian 16.2-1)"), 0);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->major, 16);
    EXPECT_EQ(found->directory, root_ / "it's here");
}

TEST_F(PostgresBinariesTest, RefusesVersionsThatAreTooOldOrDoNotFitTheCluster) {
    EXPECT_EQ(find_postgres(make("old", "postgres (PostgreSQL) 14.11"), 0).error().code, "postgres_missing");
    const auto newer = make("newer", "postgres (PostgreSQL) 17devel");
    EXPECT_TRUE(find_postgres(newer, 17));
    const auto other = find_postgres(newer, 16);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().disposition, Disposition::stop);
    EXPECT_THAT(other.error().message, testing::HasSubstr("postgresql-16"));
    EXPECT_THAT(other.error().message, testing::HasSubstr(newer.string()));
}

TEST_F(PostgresBinariesTest, RefusesProgramsThatSaySomethingElse) {
    EXPECT_FALSE(find_postgres(make("silent", ""), 0));
    EXPECT_FALSE(find_postgres(make("other", "something else 16"), 0));
}

TEST_F(PostgresBinariesTest, TakesTheVariableUnlessItIsToldOtherwise) {
    const auto chosen = make("chosen", "postgres (PostgreSQL) 15.1");
    const auto configured = make("configured", "postgres (PostgreSQL) 15.2");
    setenv("LEDGERLINE_PG_BINDIR", chosen.c_str(), 1);
    EXPECT_EQ(find_postgres({}, 0).value().directory, chosen);
    EXPECT_EQ(find_postgres(configured, 0).value().directory, configured);
    setenv("LEDGERLINE_PG_BINDIR", "/nonexistent", 1);
    EXPECT_THAT(find_postgres({}, 0).error().message, testing::HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace ledgerline::cluster
