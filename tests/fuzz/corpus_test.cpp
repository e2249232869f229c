// What fuzzers found worth keeping, run again, each also with some bytes changed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/random.h"
#include "fuzz/targets.h"

namespace ledgerline::test {
namespace {

constexpr int kVariants = 200;

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// One to four bytes changed, removed or doubled.
std::string varied(std::string text, Random& random) {
    for (std::uint64_t changes = 1 + random.next() % 4; changes > 0 && !text.empty(); --changes) {
        const std::size_t at = random.next() % text.size();
        const std::uint64_t kind = random.next() % 3;
        if (kind == 0) text[at] = static_cast<char>(random.next() & 0xff);
        if (kind == 1) text.erase(at, 1 + random.next() % 8);
        if (kind == 2) text.insert(at, text.substr(at, 1 + random.next() % 8));
    }
    return text;
}

TEST(Corpus, BreaksNoPromise) {
    SeededRandom random(1);
    for (const FuzzTarget& target : fuzz_targets()) {
        std::size_t files = 0;
        for (const auto& entry :
             std::filesystem::directory_iterator(std::filesystem::path(FUZZ_CORPUS) / target.name)) {
            const std::string text = read(entry.path());
            SCOPED_TRACE(entry.path().string());
            target.run(text);
            for (int variant = 0; variant < kVariants; ++variant) target.run(varied(text, random));
            ++files;
        }
        EXPECT_GE(files, 3u) << target.name;
    }
}

}  // namespace
}  // namespace ledgerline::test
