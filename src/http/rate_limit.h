// The answer to those who call more often than their key may.
#pragma once

#include <string_view>

#include "http/message.h"
#include "http/token_bucket.h"

namespace ledgerline::http {

// 429 with Retry-After, RateLimit and RateLimit-Policy. what: "requests", "transactions".
Response rate_limited(std::string_view what, const TokenBucket::Full& full);

}  // namespace ledgerline::http
