#include "base/hex.h"

#include <sodium.h>

namespace ledgerline {

std::string hex_of(std::span<const unsigned char> bytes) {
    std::string hex(2 * bytes.size() + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
    hex.pop_back();  // the terminating zero
    return hex;
}

}  // namespace ledgerline
