#include "apply/outcome_meter.h"

#include <algorithm>

#include "base/money.h"
#include "observe/batch_log.h"
#include "observe/log.h"
#include "observe/trace.h"

namespace ledgerline::apply {
namespace {

void log_outcome(const Applied& outcome) {
    const auto& [event, posting] = outcome;
    log::debug(posting.refusal ? "transaction refused" : "transaction processed",
               {{"trace_id", trace_id_of(event.traceparent)},
                {"event_id", event.event_id},
                {"transaction_id", event.transaction_id},
                {"account_id", event.account_id},
                {"lane", event.lane},
                {"seq", event.seq},
                {"failure_code", posting.refusal ? code_of(*posting.refusal) : std::string_view()}});
}

}  // namespace

OutcomeMeter::OutcomeMeter(Metrics& metrics, const Clock& clock)
    : metrics_(metrics),
      clock_(clock),
      processed_(metrics.events_consumed("processed")),
      failed_(metrics.events_consumed("failed")) {}

void OutcomeMeter::record(const std::vector<Applied>& outcomes) {
    const WallTime now = clock_.wall_now();
    const bool log_each = log::enabled(log::Level::debug);
    std::map<int, BatchLog> lines;
    for (const Applied& outcome : outcomes) {
        (outcome.posting.refusal ? failed_ : processed_).Increment();
        Totals& totals = totals_of(outcome);
        totals.transactions->Increment();
        totals.amount_cents->Increment(static_cast<double>(outcome.event.amount_cents));
        // Accepted by the database's clock, applied by this process's clock: the two may differ a little.
        const std::chrono::duration<double> age = now - outcome.event.occurred_at;
        metrics_.end_to_end_seconds.Observe(std::max(0.0, age.count()));
        lines.try_emplace(outcome.event.lane, "events applied", outcome.event.lane)
            .first->second.add(outcome.event.seq, outcome.event.traceparent);
        if (log_each) log_outcome(outcome);
    }
}

// A currency that is not an ISO code, which only a hand-written row can have, must not create a time series of its own.
OutcomeMeter::Totals& OutcomeMeter::totals_of(const Applied& outcome) {
    const auto& [event, posting] = outcome;
    const std::string currency = is_currency(event.currency) ? event.currency : "other";
    const auto [found, is_new] = totals_.try_emplace({currency, event.type, !posting.refusal});
    if (is_new) {
        const prometheus::Labels labels{{"currency", currency},
                                        {"type", std::string(name_of(event.type))},
                                        {"outcome", posting.refusal ? "failed" : "processed"}};
        found->second = {&metrics_.transactions_total.Add(labels),
                         &metrics_.transactions_amount_cents_total.Add(labels)};
    }
    return found->second;
}

}  // namespace ledgerline::apply
