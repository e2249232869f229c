// DeadLetterStore: what the feed of dead letters reads from and writes to the database. Each method is one whole
// transaction.
//
// Implementations: PgDeadLetterStore, and a memory one for tests; tests/integration holds both to the same conformance
// suite. Not thread-safe: one thread at a time.
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

    // Letters that are not announced, whatever was decided about them, of the lanes that owner holds the lease of,
    // whose ids are greater than `after`: by ascending id, at most letters_max, and none after the values of those read
    // exceed bytes_max together. A foreign letter belongs to the lane
    // that its partition would be, modulo the number of lanes, so that each letter has one owner. Values come cut to
    // dead_letter_value_bytes_max.
    virtual Result<std::vector<DeadLetter>> read_unannounced(const std::string& owner, const Uuid& after,
                                                             std::size_t letters_max, std::size_t bytes_max) = 0;

    // Records that the letters are on the topic. Needs no lease: whoever sent them may say so.
    virtual Result<void> mark_announced(std::span<const Uuid> ids) = 0;

    // Of all lanes.
    virtual Result<std::int64_t> count_unannounced() = 0;
};

}  // namespace ledgerline::letters
