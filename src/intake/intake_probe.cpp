#include "intake/intake_probe.h"

#include <utility>

#include "observe/batch_log.h"
#include "observe/exceptions.h"
#include "observe/log.h"

namespace ledgerline::intake {
namespace {

double seconds(SteadyTime::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

IntakeProbe::IntakeProbe(Metrics& metrics, Tracer& tracer)
    : metrics_(metrics),
      tracer_(tracer),
      created_(metrics.intake_rows_total.Add({{"result", "created"}})),
      replayed_(metrics.intake_rows_total.Add({{"result", "replayed"}})),
      refused_(metrics.intake_rows_total.Add({{"result", "refused"}})),
      failed_(metrics.intake_rows_total.Add({{"result", "failed"}})),
      gave_way_(metrics.intake_rows_total.Add({{"result", "gave_way"}})) {}

void IntakeProbe::queued(const IntakeQueue::Size& waiting) {
    metrics_.intake_queue_rows.Set(static_cast<double>(waiting.rows));
    metrics_.intake_queue_bytes.Set(static_cast<double>(waiting.bytes));
}

void IntakeProbe::paced(milliseconds pause) {
    metrics_.intake_paced_seconds_total.Increment(std::chrono::duration<double>(pause).count());
}

void IntakeProbe::gave_way(std::size_t rows) { gave_way_.Increment(static_cast<double>(rows)); }

Span IntakeProbe::begin_batch(std::span<const IntakeItem> items, SteadyTime::duration waited) {
    metrics_.intake_batch_size.Observe(static_cast<double>(items.size()));
    metrics_.intake_wait_seconds.Observe(seconds(waited));
    Span span = tracer_.start_batch("intake batch", items, &IntakeItem::traceparent);
    span.set("ledgerline.intake.rows", items.size());
    return span;
}

void IntakeProbe::tried(SteadyTime::duration took) { metrics_.intake_commit_seconds.Observe(seconds(took)); }

void IntakeProbe::fate_unknown(const Error& error) {
    log::warn("the fate of an intake batch is unknown: running it again", {{"reason", error.message}});
}

void IntakeProbe::too_slow(std::size_t rows) {
    log::warn("an intake batch took too long and is halved", {{"rows", rows}});
}

void IntakeProbe::refused(const IntakeItem& item, const Error& error) {
    log::error("the database refuses a transaction", {{"transaction_id", item.transaction_id},
                                                      {"account_id", item.account_id},
                                                      {"code", error.code},
                                                      {"reason", error.message}});
}

void IntakeProbe::answered(std::span<const IntakeItem> items, const IntakeAnswers& answers) {
    BatchLog lines("transactions accepted");
    for (std::size_t i = 0; i < items.size(); ++i) {
        counter_of(answers[i]).Increment();
        if (!answers[i] || answers[i]->status != IntakeResult::Status::created) continue;
        lines.add(answers[i]->lane, answers[i]->seq, items[i].traceparent);
    }
}

prometheus::Counter& IntakeProbe::counter_of(const Result<IntakeResult>& answer) {
    if (!answer || answer->status == IntakeResult::Status::failed) return failed_;
    if (answer->status == IntakeResult::Status::created) return created_;
    return answer->status == IntakeResult::Status::replayed ? replayed_ : refused_;
}

void IntakeProbe::lane_held(int lane) {
    log::warn("intake does not wait for a lane that another session holds", {{"lane", lane}});
}

void IntakeProbe::lane_free(int lane) { log::info("intake has the lock of a held lane again", {{"lane", lane}}); }

void IntakeProbe::database_away(const Error& error) {
    if (!std::exchange(is_away_, true))
        log::error("intake cannot use the database", {{"code", error.code}, {"reason", error.message}});
    standing_.troubled("intake cannot commit: " + error.message);
}

void IntakeProbe::database_answered() {
    standing_.well();
    if (std::exchange(is_away_, false)) log::info("intake can reach the database again");
}

void IntakeProbe::threw(const char* what) noexcept { note_exception(metrics_, "intake", what); }

}  // namespace ledgerline::intake
