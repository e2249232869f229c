// DeadLetterStore: what the feed of dead letters reads from and writes to the database. Each method is one complete
// transaction.
//
//     const auto letters = store.read_unannounced(owner, after, letters_max, bytes_max);
//     publish(*letters);                     // to the topic of dead letters
//     store.mark_announced(delivered_ids);   // a letter that is not marked comes again
//
// Implementations: PgDeadLetterStore, and one in memory for tests. Both pass the same conformance suite
// (tests/integration). Not thread-safe: one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/uuid.h"
#include "domain/dead_letter.h"

namespace ledgerline::letters {

class DeadLetterStore {
public:
    virtual ~DeadLetterStore() = default;

    // Unpublished letters, whatever was decided about them, of the lanes whose leases owner holds, with ids greater
    // than `after`: in ascending order of id, at most letters_max, and none after the values read exceed bytes_max
    // together. A foreign letter belongs to the lane of its partition modulo the number of lanes, so that each letter
    // has one owner. Values are cut to dead_letter_value_bytes_max.
    virtual Result<std::vector<DeadLetter>> read_unannounced(const std::string& owner, const Uuid& after,
                                                             std::size_t letters_max, std::size_t bytes_max) = 0;

    // Records that the letters are on the topic. Needs no lease: any sender may record it.
    virtual Result<void> mark_announced(std::span<const Uuid> ids) = 0;

    // The number in all lanes, up to 10,000.
    virtual Result<std::int64_t> count_unannounced() = 0;
};

}  // namespace ledgerline::letters
