// What makes a fault of ours harder to use, and what else is in the program, as it was built.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "base/json.h"
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

// What the program loads, what was compiled into it, and what is bundled into the console.
TEST(BillOfMaterials, NamesWhatTheProgramConsistsOf) {
    const auto document = json::parse(printed(std::string(SBOM_SCRIPT) + " " + BUILD_DIR));
    ASSERT_TRUE(document) << document.error().message;
    EXPECT_EQ(*document->find("bomFormat")->if_string(), "CycloneDX");
    std::map<std::string, std::string> how;
    for (const json::Value& component : *document->find("components")->if_array()) {
        EXPECT_TRUE(component.find("purl")->if_string()->starts_with("pkg:deb/debian/"));
        const json::Value& first = component.find("properties")->if_array()->front();
        how[*component.find("name")->if_string()] = *first.find("value")->if_string();
    }
    for (const auto& [name, wanted] : {std::pair("libssl3", "loaded"),
                                       {"libpq5", "loaded"},
                                       {"librdkafka1", "loaded"},
                                       {"libc6", "loaded"},
                                       {"libboost1.81-dev", "compiled in"},
                                       {"libcli11-dev", "compiled in"},
                                       {"node-react", "bundled"}})
        EXPECT_EQ(how[name], wanted) << name;
    EXPECT_FALSE(how.contains("libgtest-dev")) << "that is in tests only";
}

}  // namespace
}  // namespace ledgerline::test
