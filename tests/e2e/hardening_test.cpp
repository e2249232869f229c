// What makes a fault of ours harder to use, and what else is in the program, as it was built.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "base/json.h"
#include "e2e/program.h"
#include "e2e/shell.h"
#include "lab/temp_dir.h"
#include "lab/test_database.h"

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

std::string file_of(pid_t pid, const std::string& name) {
    std::ifstream file(fmt::format("/proc/{}/{}", pid, name));
    return {std::istreambuf_iterator<char>(file), {}};
}

// Where the process can write.
std::size_t times_in_memory(pid_t pid, std::string_view text) {
    std::ifstream memory(fmt::format("/proc/{}/mem", pid), std::ios::binary);
    EXPECT_TRUE(memory.is_open());
    std::istringstream maps(file_of(pid, "maps"));
    std::size_t found = 0;
    for (std::string line; std::getline(maps, line);) {
        std::uint64_t begin = 0, end = 0;
        char dash = 0;
        std::string rights;
        std::istringstream(line) >> std::hex >> begin >> dash >> end >> rights;
        if (!rights.starts_with("rw")) continue;
        std::string bytes(end - begin, '\0');
        memory.clear();
        memory.seekg(static_cast<std::streamoff>(begin));
        memory.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        found += occurrences(bytes, text);
    }
    return found;
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
    EXPECT_THAT(file_of(program.pid(), "limits"), ContainsRegex("Max core file size +0 +0 "));
    EXPECT_EQ(file_of(program.pid(), "coredump_filter"), "00000000\n") << "for kernels that pipe cores to a program";
}

// The texts of keys, tokens and cookies are hashed or checked, and then gone.
TEST(Hardening, NoCredentialStaysInMemory) {
    const TestDatabase database;
    RoleProcess api(role_arguments("api", database.url()));
    const std::string secret = "Bearer only-once-in-memory-";
    ApiClient client(api.port());
    for (int i = 0; i < 20; ++i) {
        client.get("/v1/accounts", {{"Authorization", secret + std::to_string(i)}});
        client.post("/v1/transactions", "{}", {{"X-API-Key", secret + std::to_string(i)}});
    }
    EXPECT_EQ(times_in_memory(api.program().pid(), secret), 0u);
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
