// PgHolds: the holds of one round on PostgreSQL, their states before it and as it leaves them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/uuid.h"
#include "db/connection.h"
#include "domain/event.h"
#include "domain/hold.h"
#include "sql/queries.h"

namespace ledgerline::apply {

// Whether a place is that of a hold, a capture or a release.
bool is_of_hold(const Event& place);

class PgHolds {
public:
    using Request = sql::ApplyReadHolds::Row;

    // What the round's holds, captures and releases ask for.
    void take(std::vector<Request> requests);

    // Decides the transaction whose first place is given. Throws db::UnexpectedAnswer when its hold was not read.
    std::vector<Posting> post(const Event& first, std::span<Touch> touches);
    // What follows in this round finds a hold whose dead letter is discarded here refused.
    void discard(const Event& first);

    // The statements that write what post() changed: none if nothing.
    void append_writes(std::vector<db::Call>& calls) const;
    db::Call steps() const;

private:
    std::unordered_map<Uuid, Request> requests_;  // by transaction
    std::unordered_map<Uuid, Hold> holds_;
    // Steps, as columns for unnest().
    std::vector<Uuid> hold_ids_, transaction_ids_;
    std::vector<std::int64_t> seqs_, amounts_, captured_, released_;
    std::vector<std::string> states_;
    std::vector<Uuid> opened_, settled_;  // holds
};

}  // namespace ledgerline::apply
