#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace ledgerline {

void abort_on_bug(const char* expression, std::source_location where) {
    std::fprintf(stderr, "%s:%u: bug in ledgerline: %s does not hold\n", where.file_name(), where.line(), expression);
    std::abort();
}

}  // namespace ledgerline
