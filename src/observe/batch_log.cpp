#include "observe/batch_log.h"

#include <utility>

#include "observe/log.h"
#include "observe/trace.h"

namespace ledgerline {

BatchLog::BatchLog(std::string_view message, int lane)
    : message_(message), lane_(lane), enabled_(log::enabled(log::Level::info)) {}

void BatchLog::add(std::int64_t seq, std::string_view traceparent) {
    if (!enabled_) return;
    if (first_seq_ == 0) first_seq_ = seq;
    last_seq_ = seq;
    std::string trace_id = trace_id_of(traceparent);
    if (trace_id.empty() || trace_id == last_trace_id_) return;
    trace_ids_.emplace_back(trace_id);
    last_trace_id_ = std::move(trace_id);
    if (trace_ids_.size() >= trace_ids_per_line_max) write();
}

void BatchLog::write() {
    if (first_seq_ == 0) return;
    log::Field traces("trace_ids", "");
    traces.value = std::exchange(trace_ids_, {});
    log::info(message_, {{"lane", lane_}, {"first_seq", first_seq_}, {"last_seq", last_seq_}, traces});
    first_seq_ = 0;
    last_trace_id_.clear();
}

}  // namespace ledgerline
