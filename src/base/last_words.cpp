#include "base/last_words.h"

#include <atomic>
#include <cstdio>

namespace ledgerline {
namespace {

void write_to_stderr(std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

std::atomic<LastWords> last_words = write_to_stderr;

}  // namespace

void set_last_words(LastWords say) { last_words = say; }

void say_last_words(std::string_view line) { last_words.load()(line); }

}  // namespace ledgerline
