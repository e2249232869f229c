// What people expect of a command line because others do it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/called.h"

namespace ledgerline::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Habits, HelpIsACommandToo) {
    EXPECT_EQ(call({"help"}).out, call({"--help"}).out);
    EXPECT_EQ(call({"help", "tx"}).out, call({"tx", "--help"}).out);
    const Outcome list = call({"help", "tx", "list"});
    EXPECT_EQ(list.code, roles::exit_ok);
    EXPECT_THAT(list.out, HasSubstr("Usage: ledgerline tx list "));
    EXPECT_EQ(complaint({"help", "lnes"}), "ledgerline: there is no command 'lnes'. Did you mean 'lanes'?\n");
}

// Not on stdout and not with exit code 0: a script whose variable is empty must not take it for a result.
TEST(Habits, AFamilyWithoutACommandPrintsItsHelp) {
    const Outcome bare = call({});
    EXPECT_EQ(bare.code, roles::exit_usage);
    EXPECT_EQ(bare.out, "");
    EXPECT_EQ(bare.err, call({"--help"}).out);
    EXPECT_EQ(call({"tx"}).err, call({"tx", "--help"}).out);
    EXPECT_EQ(call({"--url", "http://127.0.0.1:1", "tx"}).err, call({"tx", "--help"}).out);
}

TEST(Habits, FlagsMayStandBeforeTheirCommand) {
    EXPECT_EQ(call({"-o", "json", "version"}).out, call({"version", "-o", "json"}).out);
    EXPECT_EQ(call({"--output=json", "version"}).out, call({"version", "-o", "json"}).out);
    for (const std::vector<const char*>& typed : {std::vector<const char*>{"--url", "http://127.0.0.1:1", "tx", "list"},
                                                  {"tx", "--url", "http://127.0.0.1:1", "list"},
                                                  {"--url", "http://127.0.0.1:1", "accounts", "show", "--", "alice"}})
        EXPECT_EQ(call(typed).err, "ledgerline: http://127.0.0.1:1 cannot be reached: Connection refused\n");
    EXPECT_EQ(complaint({"--data-dir", "x", "lanes"}),
              "ledgerline lanes: there is no flag '--data-dir' (see ledgerline lanes --help)\n");
    EXPECT_EQ(complaint({"--frob", "lanes"}), "ledgerline: there is no flag '--frob' (see ledgerline --help)\n");
}

TEST(Habits, FamiliesAndCommandsHaveTheNamesThatPeopleTry) {
    for (const std::vector<const char*>& pair : std::vector<std::vector<const char*>>{{"account", "accounts"},
                                                                                      {"transactions", "tx"},
                                                                                      {"transaction", "tx"},
                                                                                      {"hold", "holds"},
                                                                                      {"dead-letters", "dlq"},
                                                                                      {"dead-letter", "dlq"}})
        EXPECT_EQ(call({pair[0], "list", "--help"}).out, call({pair[1], "list", "--help"}).out) << pair[0];
    EXPECT_THAT(complaint({"transactions", "get", "7"}), HasSubstr("ledgerline tx show: ID must be"));
    EXPECT_THAT(call({"lane", "--help"}).out, HasSubstr("Usage: ledgerline lanes"));
}

std::string completed(std::vector<const char*> typed) {
    typed.insert(typed.begin(), "__complete");
    return call(typed).out;
}

TEST(Completion, OffersCommandsFlagsAndValues) {
    EXPECT_THAT(completed({""}), HasSubstr("accounts\tList, show"));
    EXPECT_THAT(completed({"acc"}), Not(HasSubstr("lanes")));
    EXPECT_THAT(completed({"tx", ""}), HasSubstr("transfer\t"));
    EXPECT_THAT(completed({"help", "tx", "tra"}), HasSubstr("transfer\t"));
    EXPECT_EQ(completed({"tx", "list", "--sta"}), "--status\tOnly transactions with this status\n");
    EXPECT_EQ(completed({"tx", "list", "--status", "PROC"}), "PROCESSING\t\nPROCESSED\t\n");
    EXPECT_THAT(completed({"-o", "json", "--url", "x", "dlq", "re"}), HasSubstr("replay\t")) << "flags first";
    EXPECT_EQ(completed({"tx", "list", "--key", ""}), "") << "nothing is known about keys";
    EXPECT_EQ(completed({"import", ""}), ":file\n");
    EXPECT_EQ(completed({"import", "--api-key-file", ""}), ":file\n");
    EXPECT_EQ(completed({"verify", "--data-dir", "d"}), ":dir\n");
    EXPECT_EQ(completed({}), "");
}

TEST(ManPage, HasEveryCommandWithItsFlagsAndExamples) {
    const std::string page = call({"man"}).out;
    for (const char* part :
         {".TH LEDGERLINE 1", ".SS ledgerline tx transfer\n", "\\fB\\-\\-expires\\-in\\fR \\fITIME\\fR",
          "Exit codes:", "ledgerline holds create \\-\\-account alice"})
        EXPECT_THAT(page, HasSubstr(part));
    EXPECT_THAT(page, Not(HasSubstr("\n'"))) << "an apostrophe at the beginning of a line is a command of troff";
}

}  // namespace
}  // namespace ledgerline::cli
