// A certificate that signs itself, for trying TLS and for tests.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"

namespace ledgerline::http {

// Both in PEM.
struct SelfSigned {
    std::string certificate, key;
};

// For these names and addresses, with a new key on the curve P-256. Valid from a day before now.
SelfSigned make_self_signed(const std::vector<std::string>& names, WallTime now, std::chrono::days lifetime);

}  // namespace ledgerline::http
