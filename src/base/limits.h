// What the process may hold in memory, in bytes: one name for each place where bytes can pile up.
//
// Limits in rows, events and messages stand beside what they limit and hold as well: whichever is reached first. Each
// batch, round and page takes at least one item, however large that is, so that nothing waits for ever.
#pragma once

#include <cstddef>

namespace ledgerline::limits {

inline constexpr std::size_t kibibyte = 1024;
inline constexpr std::size_t mebibyte = 1024 * kibibyte;

// Requests ------------------------------------------------------------------------------------------------------------

// JSON values in one item of a batch. Metadata that may be stored has fewer; parsed, one value takes some 100 bytes.
inline constexpr std::size_t batch_item_values_max = 8192;
// What all requests together weigh that are being read or handled: head, body and parsed rows.
inline constexpr std::size_t requests_under_way_bytes_max = 48 * mebibyte;
// Of these, what only small requests get, so that large ones never keep a payment out.
inline constexpr std::size_t small_requests_reserve_bytes = 4 * mebibyte;
inline constexpr std::size_t small_request_bytes_max = 32 * kibibyte;

// Intake --------------------------------------------------------------------------------------------------------------

inline constexpr std::size_t intake_queue_bytes_max = 32 * mebibyte;  // rows that wait to be accepted
inline constexpr std::size_t intake_batch_bytes_max =
    256 * kibibyte;  // of one transaction: a small payment waits for two at most
// What one request gets into a batch before the others that wait have had their turn.
inline constexpr std::size_t intake_turn_bytes_max = 32 * kibibyte;

// Answers -------------------------------------------------------------------------------------------------------------

// One page of a list. A page that reaches it is shorter than its limit and has a cursor.
inline constexpr std::size_t page_bytes_max = 1 * mebibyte;
// All answers that are being built or written.
inline constexpr std::size_t answers_under_way_bytes_max = 48 * mebibyte;
// An answer up to this size is sent even when there is no room: the sockets' buffers take it, whoever reads.
inline constexpr std::size_t small_answer_bytes_max = 16 * kibibyte;

// Publishing and applying ---------------------------------------------------------------------------------------------

inline constexpr std::size_t publish_round_bytes_max = 4 * mebibyte;         // what one round reads, of all lanes
inline constexpr std::size_t memory_bus_partition_bytes_max = 2 * mebibyte;  // of the bus in this process
inline constexpr std::size_t memory_bus_poll_bytes_max = 4 * mebibyte;       // of what one poll takes from it
inline constexpr std::size_t lane_pending_bytes_max = 8 * mebibyte;          // messages of one lane that a worker holds
inline constexpr std::size_t dead_letter_round_bytes_max = 4 * mebibyte;     // what the feed of dead letters reads
inline constexpr std::size_t kafka_kept_bytes_max = 4 * mebibyte;            // taken from the client, not handed out
inline constexpr std::size_t kafka_fetched_bytes_max = 8 * mebibyte;         // in the consuming client
inline constexpr std::size_t kafka_fetch_bytes_max = 4 * mebibyte;           // one answer of a broker
inline constexpr std::size_t kafka_queued_bytes_max = 16 * mebibyte;         // in the producing client

// Commands ------------------------------------------------------------------------------------------------------------

// Rows of an import that are read and not sent yet, of all its connections.
inline constexpr std::size_t import_queue_bytes_max = 32 * mebibyte;
inline constexpr std::size_t import_batch_bytes_max = 960 * kibibyte;  // of one request: the API takes 1 MiB

}  // namespace ledgerline::limits
