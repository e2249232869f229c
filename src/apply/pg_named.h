// PgNamed: the transactions that those of a round reverse or follow, before it and as it leaves them.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/uuid.h"
#include "db/connection.h"
#include "domain/event.h"
#include "domain/reversal.h"
#include "sql/queries.h"

namespace ledgerline::apply {

class PgNamed {
public:
    // Adds the ids of the transactions that the place's names.
    static void add_names(const Event& place, std::vector<Uuid>& ids);
    // What the database has of them.
    void take(const std::vector<sql::ApplyReadNamed::Row>& rows);

    // Whether the transaction whose first place is given may pass: it follows none, or one that was processed.
    bool lets_pass(const Event& first) const;
    // Decides a reversal.
    std::vector<Posting> reverse(const Event& first, std::span<const Touch> touches);
    // What follows in this round finds the transaction decided.
    void decided(const Uuid& transaction_id, bool processed);

    // The statements that write what reverse() changed: none if nothing.
    void append_writes(std::vector<db::Call>& calls) const;
    db::Call steps() const;

private:
    std::unordered_map<Uuid, NamedTransaction> named_;
    // Steps, as columns for unnest().
    std::vector<Uuid> reversed_ids_, transaction_ids_;
    std::vector<std::int64_t> seqs_, amounts_, reversed_;
};

}  // namespace ledgerline::apply
