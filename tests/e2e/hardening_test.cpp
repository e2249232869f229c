// What makes a fault of ours harder to use, as it is in the program that was built.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "e2e/program.h"
#include "e2e/shell.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

std::string printed(const std::string& script) {
    const TempDir dir;
    const Shelled ran = shell(dir.path(), script);
    EXPECT_EQ(ran.code, 0) << script << '\n' << ran.err;
    return ran.out;
}

TEST(Hardening, TheProgramIsLoadedAnywhereAndItsTablesAreReadOnly) {
    EXPECT_THAT(printed("readelf -hW \"$L\""), HasSubstr("Position-Independent Executable"));
    EXPECT_THAT(printed("readelf -dW \"$L\""), ContainsRegex("FLAGS_1.*NOW")) << "all symbols are bound at the start";
    const std::string segments = printed("readelf -lW \"$L\"");
    EXPECT_THAT(segments, HasSubstr("GNU_RELRO"));
    EXPECT_THAT(segments, ContainsRegex("GNU_STACK.* RW  ")) << "no code on the stack";
    EXPECT_THAT(segments, Not(ContainsRegex("LOAD.* RWE "))) << "no code where data is written";
}

TEST(Hardening, ItsOwnCodeIsChecked) {
    const std::string needed = printed("readelf --dyn-syms -W \"$L\"");
    EXPECT_THAT(needed, HasSubstr("__stack_chk_fail"));
    EXPECT_THAT(needed, HasSubstr("__memcpy_chk")) << "FORTIFY";
    EXPECT_THAT(needed, HasSubstr("__glibcxx_assert_fail"));
    for (const char* function :
         {"main", "_ZN10ledgerline4http10parse_headESt17basic_string_viewIcSt11char_traitsIcEERNS0_4HeadE"})
        EXPECT_THAT(printed(std::string("objdump -d --disassemble=") + function + " \"$L\" | grep -A1 '>:$' | tail -1"),
                    HasSubstr("endbr64"))
            << function;
}

TEST(Hardening, AProcessLeavesNoCoreFile) {
    Program program(role_arguments("worker", "postgresql://nobody@127.0.0.1:1/none"));
    ASSERT_TRUE(program.prints("cannot be used yet")) << program.output();
    std::ifstream limits("/proc/" + std::to_string(program.pid()) + "/limits");
    const std::string text{std::istreambuf_iterator<char>(limits), {}};
    EXPECT_THAT(text, ContainsRegex("Max core file size +0 +0 "));
}

}  // namespace
}  // namespace ledgerline::test
