#include "intake/hold_expiry.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "domain/hold.h"
#include "sql/queries.h"

namespace ledgerline::intake {
namespace {

IntakeItem release_of(const sql::IntakeDueHolds::Row& hold, UuidGenerator& ids) {
    IntakeItem item{.transaction_id = ids.next(),
                    .event_id = ids.next(),
                    .account_id = hold.account_id,
                    .amount_cents = hold.amount_cents,
                    .currency = hold.currency,
                    .type = TransactionType::release,
                    .idempotency_key = expiry_key(hold.hold_id),
                    .metadata = {},
                    .traceparent = {}};
    item.parent_id = hold.hold_id;
    item.tenant = hold.tenant;
    return item;
}

bool is_accepted(const IntakeResult& result) {
    return result.status == IntakeResult::Status::created || result.status == IntakeResult::Status::replayed;
}

}  // namespace

HoldExpiry::HoldExpiry(const db::ConnectionConfig& config, Wakeup& publisher_wakeup, const ProcessContext& context)
    : store_(config, context.metrics),
      session_(config, context.metrics, "expiry"),
      publisher_wakeup_(publisher_wakeup),
      ids_(context.ids),
      backoff_({}, context.random),
      probe_(context.clock) {}

Result<milliseconds> HoldExpiry::step() {
    const auto released = release_due();
    if (released) {
        backoff_.reset();
        probe_.database_answered();
        if (*released > 0) publisher_wakeup_.notify();
        return std::cmp_equal(*released, holds_per_round_max) ? milliseconds(0) : idle;
    }
    if (released.error().disposition == Disposition::stop) return std::unexpected(released.error());
    probe_.database_away(released.error());
    return backoff_.next();
}

// A crash between the two transactions leaves due holds whose release replays the next time.
Result<std::size_t> HoldExpiry::release_due() {
    LEDGERLINE_TRY(const auto due, session_.run([](db::Connection& connection) {
        return connection.query(sql::IntakeDueHolds{holds_per_round_max});
    }));
    if (due.empty()) return 0;
    std::vector<IntakeItem> items;
    for (const auto& hold : due) items.push_back(release_of(hold, ids_));
    LEDGERLINE_TRY(const auto results, accept(items));
    std::vector<Uuid> accepted;
    for (std::size_t i = 0; i < results.size(); ++i)
        if (is_accepted(results[i])) accepted.push_back(due[i].hold_id);
    LEDGERLINE_CHECK(session_.run(
        [&](db::Connection& connection) { return connection.execute(sql::IntakeForgetDueHolds{accepted}); }));
    return accepted.size();
}

// One half after the other where the database refuses a row: it holds up no other one. It is tried again each time.
Result<std::vector<IntakeResult>> HoldExpiry::accept(std::span<const IntakeItem> items) {
    auto results = store_.accept(items);
    if (results || results.error().disposition != Disposition::refuse) return results;
    if (items.size() == 1) {
        probe_.refused(*items[0].parent_id, results.error());
        return std::vector(1, IntakeResult{});
    }
    const std::size_t half = items.size() / 2;
    LEDGERLINE_TRY(auto first, accept(items.first(half)));
    LEDGERLINE_TRY(auto second, accept(items.subspan(half)));
    std::ranges::move(second, std::back_inserter(first));
    return first;
}

}  // namespace ledgerline::intake
