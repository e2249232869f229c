// Delivery: an event on its way to one endpoint.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/uuid.h"
#include "feed/outcome.h"

namespace ledgerline::notify {

struct Attempt {
    WallTime at{};
    int status = 0;  // 0: no answer
    milliseconds duration{0};
    std::string error = {};  // "": taken
};

struct Delivery {
    static constexpr std::size_t tries_kept_max = 10;

    Uuid id;
    std::string event_id;  // the same whenever the event is sent
    std::string event_type;
    std::optional<Uuid> account_id = {};
    // Where the event is in the ledger; nothing for one that is none of the ledger, which has a body instead.
    std::optional<int> lane = {};
    feed::FeedPlace place = {};
    std::string body = {};
    std::shared_ptr<const feed::Outcome> outcome = {};  // null: not in memory
    std::optional<int> tries_max = {};                  // nothing: until the endpoint is disabled

    int attempts = 0;
    std::vector<Attempt> tries = {};  // the latest ones
    std::optional<WallTime> first_attempt_at = {}, next_attempt_at = {};
    WallTime created_at{};
    bool stored = false;    // as a row
    bool changed = false;   // since then
    bool appended = false;  // to the rows that are being stored

    // What must be in order: the events of one account. What was asked for is in no order with anything.
    Uuid queue() const { return tries_max || !account_id ? id : *account_id; }
    bool is_loaded() const { return outcome || !lane; }
    std::string text() const;
    // Of the event.
    WallTime time() const { return outcome ? outcome->time : created_at; }
};

// What became of a delivery.
enum class Fate { pending, delivered, failed };

// As the statement note_deliveries takes it: appends a JSON object.
void append_row(const Delivery& delivery, Fate fate, const Uuid& webhook_id, std::int64_t epoch, std::string& out);
// The attempts of a row. Those that cannot be read are left out.
std::vector<Attempt> parse_tries(const std::string& json);

}  // namespace ledgerline::notify
