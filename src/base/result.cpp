#include "base/result.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/last_words.h"

namespace ledgerline {

void abort_on_bug(const char* expression, std::source_location where) {
    say_last_words(
        fmt::format("{}:{}: bug in ledgerline: {} does not hold", where.file_name(), where.line(), expression));
    std::abort();
}

}  // namespace ledgerline
