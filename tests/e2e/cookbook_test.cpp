// docs/cookbook.md and docs/integrating.md: every block for a shell is run as it stands there, and prints what it says.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "e2e/program.h"
#include "e2e/shell.h"
#include "lab/temp_dir.h"

namespace ledgerline::test {
namespace {

struct Block {
    std::string script, printed;
};

// The text of the fenced block of that kind after position at, which moves behind it; nothing if there is none.
std::optional<std::string> next_block(const std::string& page, const std::string& kind, std::size_t& at) {
    const std::string fence = "```" + kind + "\n";
    const std::size_t begin = page.find(fence, at);
    if (begin == std::string::npos) return std::nullopt;
    const std::size_t end = page.find("```\n", begin + fence.size());
    at = end + 4;
    return page.substr(begin + fence.size(), end - begin - fence.size());
}

std::vector<Block> blocks_of(const std::string& page) {
    std::vector<Block> blocks;
    std::size_t at = 0;
    while (const auto script = next_block(page, "sh", at)) {
        const std::size_t behind = at;
        const auto printed = next_block(page, "text", at);
        EXPECT_TRUE(printed && page.find("```sh", behind) > page.find("```text", behind)) << *script;
        blocks.push_back({*script, printed.value_or("")});
    }
    return blocks;
}

// What a reader has: the program on the path, a server on empty data, the clients. What a block leaves running ends
// with it.
std::string script_of(const Block& block, const std::filesystem::path& data) {
    return fmt::format(
        "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
        "mkdir -p bin\nln -sf \"$L\" bin/ledgerline\nexport PATH=\"$PWD/bin:$PATH\"\n"
        "export PYTHONDONTWRITEBYTECODE=1 LEDGERLINE_DATA_DIR='{}' LEDGERLINE_CLIENTS='{}'\n{}",
        data.string(), CLIENTS_FOLDER, block.script);
}

void expect_true(const char* page_file) {
    std::ifstream file(page_file, std::ios::binary);
    const std::string page{std::istreambuf_iterator<char>(file), {}};
    const std::vector<Block> blocks = blocks_of(page);
    ASSERT_GT(blocks.size(), 7u);
    const TempDir data, files;
    UpProcess up(data.path());
    for (const Block& block : blocks) {
        const Shelled ran = shell(files.path(), script_of(block, data.path()), up.url());
        EXPECT_EQ(ran.code, 0) << block.script << ran.err;
        EXPECT_EQ(ran.out, block.printed) << block.script << ran.err;
    }
}

TEST(Cookbook, DoesWhatItSays) { expect_true(COOKBOOK_FILE); }
TEST(Integrating, DoesWhatItSays) { expect_true(INTEGRATING_FILE); }

}  // namespace
}  // namespace ledgerline::test
