// Bodies of transactions made from a seed: what clients may send, every limit and its neighbours among it, and what
// they may not.
//
// A body is wrong in one place at most, and says which. Whether its metadata may be stored is not decided here: that is
// for PostgreSQL to say, which prints it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

namespace ledgerline::test {

struct GeneratedRequest {
    std::string metadata;        // JSON text of an object; "" for none
    std::string key;             // the idempotency key, UTF-8
    std::string amount = "100";  // as it stands in the JSON
    std::string type = "CREDIT";
    // The field that makes it wrong by itself, whatever the metadata; "" when none does.
    std::string wrong_field{};
    // The text is no JSON that we take: such a body goes alone, for it spoils a batch as a whole.
    bool malformed = false;
    // What jsonb is to print has this many bytes: x's go in between the quotes of the member "pad". 0: as it is.
    std::size_t padded_to = 0;
};

// metadata with so many x's as its padding.
std::string padded(const std::string& metadata, std::size_t bytes);

class RequestGenerator {
public:
    explicit RequestGenerator(std::uint64_t seed) : random_(seed) {}

    GeneratedRequest next();

private:
    std::string value(int depth);
    std::string number();
    std::string string();
    std::string object(int depth);
    std::string nested();
    std::string key(const std::string& start, std::size_t code_points);
    std::string malformed_metadata();
    std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
    template <class Items>
    const auto& one_of(const Items& items) {
        return items[below(std::size(items))];
    }

    SeededRandom random_;
    std::uint64_t count_ = 0;
};

}  // namespace ledgerline::test
