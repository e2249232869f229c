// DeadLetter: an event or a message that could not be applied, and the message that announces it to other systems.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"
#include "domain/event.h"

namespace ledgerline {

// A letter as far as its message tells it.
struct DeadLetter {
    Uuid id;
    // Where the message stood that became the letter.
    std::string topic;
    int partition = 0;
    std::int64_t offset = 0;
    Message original;  // as it came; its value may be cut short
    // Of the value as it came; more than original holds when only a part of it is known.
    std::int64_t value_bytes = 0;
    std::string error_class;  // "permanent", "unknown", "foreign"
    std::string error_code;
    std::string error_message;
    int attempts = 1;
    WallTime first_failed_at;
    WallTime last_failed_at;
};

// What a dead letter's message holds of the original at most, so that it fits where the original fitted although
// headers are added: brokers take 1,000,000 bytes unless they are told otherwise. Where less is taken, less is left.
inline constexpr std::size_t dead_letter_value_bytes_max = 700'000;
inline constexpr std::size_t dead_letter_key_bytes_max = 32'768;
inline constexpr std::size_t dead_letter_headers_bytes_max = 65'536;  // with what frames them
inline constexpr std::size_t dead_letter_text_bytes_max = 1'000;      // of an added header's value

// What the names of the added headers begin with. Headers of the original with such names are left out: they would be
// taken for ours.
inline constexpr std::string_view dead_letter_header_prefix = "dlq-";

// The message that announces letter: key, value and headers of the original, then dlq-id, dlq-original-topic,
// dlq-partition, dlq-offset, dlq-error-class, dlq-error-code, dlq-error-message, dlq-attempts, dlq-first-failed-at and
// dlq-last-failed-at, all in UTF-8. dlq-truncated names what is not whole ("key", "value", "headers", with blanks
// between); it is missing when all is. The message weighs bytes_max at most (see wire_bytes_max), or as little as it
// can: the added headers stay; of the room beside them key and headers of the original get up to a quarter each, and
// the value what is left.
Message encode(const DeadLetter& letter, std::size_t bytes_max);

}  // namespace ledgerline
