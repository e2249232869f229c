// What the process may hold in memory, in bytes: one name for each place where bytes can pile up.
//
// Limits in rows, events and messages are defined next to what they limit and apply as well: whichever is reached
// first. Each batch, round and page takes at least one item, however large, so that nothing waits forever.
#pragma once

#include <cstddef>

namespace ledgerline::limits {

inline constexpr std::size_t kibibyte = 1024;
inline constexpr std::size_t mebibyte = 1024 * kibibyte;

// Requests ------------------------------------------------------------------------------------------------------------

// JSON values in one item of a batch. Metadata that may be stored has fewer; once parsed, a value takes about 100
// bytes.
inline constexpr std::size_t batch_item_values_max = 8192;
// Memory of all requests that are being read or handled, together: head, body and parsed rows.
inline constexpr std::size_t requests_under_way_bytes_max = 48 * mebibyte;
// The part of it reserved for small requests, so that large ones never keep a payment out.
inline constexpr std::size_t small_requests_reserve_bytes = 4 * mebibyte;
inline constexpr std::size_t small_request_bytes_max = 32 * kibibyte;

// Intake --------------------------------------------------------------------------------------------------------------

inline constexpr std::size_t intake_queue_bytes_max = 32 * mebibyte;  // rows waiting to be accepted
inline constexpr std::size_t intake_batch_bytes_max =
    128 * kibibyte;  // of one transaction: a small payment waits for at most two
// What one request may put into a batch before the other waiting requests have had their turn.
inline constexpr std::size_t intake_turn_bytes_max = 16 * kibibyte;

// Answers -------------------------------------------------------------------------------------------------------------

// One page of a list. A page that reaches this is shorter than its limit and has a cursor.
inline constexpr std::size_t page_bytes_max = 1 * mebibyte;
// All answers that are being built or written, together.
inline constexpr std::size_t answers_under_way_bytes_max = 48 * mebibyte;
// An answer up to this size is sent even when there is no room: the socket's buffers hold it even if nobody reads.
inline constexpr std::size_t small_answer_bytes_max = 16 * kibibyte;
// The newest outcomes, kept for those who wait for the next ones.
inline constexpr std::size_t feed_tail_bytes_max = 16 * mebibyte;

// Publishing and applying ---------------------------------------------------------------------------------------------

inline constexpr std::size_t publish_round_bytes_max = 4 * mebibyte;         // what one round reads, over all lanes
inline constexpr std::size_t memory_bus_partition_bytes_max = 2 * mebibyte;  // of the bus in this process
inline constexpr std::size_t memory_bus_poll_bytes_max = 4 * mebibyte;       // what one poll takes from it
inline constexpr std::size_t lane_pending_bytes_max = 8 * mebibyte;          // messages of one lane that a worker holds
inline constexpr std::size_t dead_letter_round_bytes_max = 4 * mebibyte;     // what one round of the feed reads
inline constexpr std::size_t kafka_kept_bytes_max = 4 * mebibyte;            // taken from the client, not yet delivered
inline constexpr std::size_t kafka_fetched_bytes_max = 8 * mebibyte;         // in the consuming client
inline constexpr std::size_t kafka_fetch_bytes_max = 4 * mebibyte;           // one answer from a broker
inline constexpr std::size_t kafka_queued_bytes_max = 16 * mebibyte;         // in the producing client

// Commands ------------------------------------------------------------------------------------------------------------

// Rows of an import that are read but not yet sent, over all its connections.
inline constexpr std::size_t import_queue_bytes_max = 32 * mebibyte;
inline constexpr std::size_t import_batch_bytes_max = 960 * kibibyte;  // of one request: the API takes 1 MiB

}  // namespace ledgerline::limits
