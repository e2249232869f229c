#include "db/sqlstate.h"

#include <gtest/gtest.h>

namespace ledgerline::db {
namespace {

struct Case {
    std::string_view sqlstate;
    FailureClass failure_class;
};

TEST(Sqlstate, IsClassified) {
    constexpr Case kCases[] = {
        {"08006", FailureClass::transient}, {"0A000", FailureClass::transient}, {"25006", FailureClass::transient},
        {"25P03", FailureClass::transient}, {"25P02", FailureClass::transient}, {"42501", FailureClass::transient},
        {"42P05", FailureClass::transient}, {"26000", FailureClass::transient}, {"40001", FailureClass::transient},
        {"40003", FailureClass::transient}, {"40P01", FailureClass::transient}, {"53100", FailureClass::transient},
        {"53300", FailureClass::transient}, {"55006", FailureClass::transient}, {"55P03", FailureClass::transient},
        {"57014", FailureClass::transient}, {"57P01", FailureClass::transient}, {"57P03", FailureClass::transient},
        {"58030", FailureClass::transient}, {"22003", FailureClass::permanent}, {"22021", FailureClass::permanent},
        {"23505", FailureClass::permanent}, {"23514", FailureClass::permanent}, {"28P01", FailureClass::fatal},
        {"3D000", FailureClass::fatal},     {"42P01", FailureClass::fatal},     {"42703", FailureClass::fatal},
        {"XX001", FailureClass::fatal},
    };
    for (const auto& [sqlstate, failure_class] : kCases)
        EXPECT_EQ(name_of(classify(sqlstate)), name_of(failure_class)) << sqlstate;
}

// Codes that the table does not name are retried a few times: neither forever nor never.
TEST(Sqlstate, IsUnknownOtherwise) {
    for (const char* sqlstate : {"0A001", "40002", "42502", "55000", "57000", "P0001", "", "2", "99999"})
        EXPECT_EQ(name_of(classify(sqlstate)), "unknown") << sqlstate;
}

TEST(Sqlstate, TellsALostSessionFromARefusedStatement) {
    for (const char* sqlstate : {"08006", "08P01", "57P01", "57P02", "57P03"}) EXPECT_TRUE(is_session_lost(sqlstate));
    for (const char* sqlstate : {"57014", "40P01", "53300", "25P03", ""}) EXPECT_FALSE(is_session_lost(sqlstate));
}

TEST(Sqlstate, TellsASessionThatIsOfNoUse) {
    for (const char* sqlstate : {"08006", "57P01", "25006", "25001", "25P02", "25P03", "26000", "0A000", "42P05"})
        EXPECT_TRUE(is_session_useless(sqlstate)) << sqlstate;
    for (const char* sqlstate : {"57014", "40P01", "40001", "42501", "53300", "23505", "22003", ""})
        EXPECT_FALSE(is_session_useless(sqlstate)) << sqlstate;
}

TEST(Sqlstate, TellsContentionFromAnOutage) {
    for (const char* sqlstate : {"0A000", "25P03", "26000", "40001", "40P01", "55P03", "57014"})
        EXPECT_TRUE(is_contention(sqlstate)) << sqlstate;
    for (const char* sqlstate : {"08006", "40003", "42P05", "53100", "57P01", "23505", ""})
        EXPECT_FALSE(is_contention(sqlstate)) << sqlstate;
}

TEST(Sqlstate, TellsACodeFromSomethingElse) {
    EXPECT_TRUE(is_sqlstate("08P01"));
    for (const char* text : {"", "08P0", "08P011", "08p01", "08 01", "\xff\xff\xff\xff\xff"})
        EXPECT_FALSE(is_sqlstate(text)) << text;
}

TEST(Sqlstate, SaysWhatToDo) {
    EXPECT_EQ(disposition_of(FailureClass::transient), Disposition::retry);
    EXPECT_EQ(disposition_of(FailureClass::permanent), Disposition::refuse);
    EXPECT_EQ(disposition_of(FailureClass::unknown), Disposition::refuse);
    EXPECT_EQ(disposition_of(FailureClass::fatal), Disposition::stop);
}

}  // namespace
}  // namespace ledgerline::db
