// RequestText: the bytes of one connection's requests. They are written out once; each next request overwrites only
// accounts, amounts, types and keys, which have a fixed width.
//
// Not thread-safe; Source is shared by all requests of a run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace ledgerline::bench {

struct RequestShape {
    std::string host;                   // host:port
    std::vector<std::string> accounts;  // UUIDs of 36 characters; each transaction takes one at random
    std::string currency;
    std::string key_prefix;      // of idempotency keys; no two runs on one database may share it
    std::size_t batch_size = 0;  // transactions a call; 0: single ones
    bool transfers = false;      // each moves money from one random account to another, of which there are two at least
    int prefer_wait_seconds = 0;  // 0: without Prefer
};

// What differs from transaction to transaction.
struct Source {
    SeededRandom random;
    std::uint64_t next_key = 0;
};

class RequestText {
public:
    static constexpr std::size_t account_characters = 36;
    // Amounts have four digits, so that one credit of funding covers every debit of a run.
    static constexpr unsigned amount_cents_min = 1000;
    static constexpr unsigned amount_cents_max = 9999;

    // The shape must outlive it.
    explicit RequestText(const RequestShape& shape);

    // Valid until the next call.
    std::string_view next(Source& source);

private:
    const RequestShape& shape_;
    std::string text_;
    std::size_t first_item_ = 0;  // where the first transaction begins
    std::size_t item_step_ = 0;   // from one transaction to the next
    // Within a transaction. to: of a transfer; type: of any other.
    std::size_t account_at_ = 0, to_at_ = 0, amount_at_ = 0, type_at_ = 0, key_at_ = 0;
};

}  // namespace ledgerline::bench
