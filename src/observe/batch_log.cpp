#include "observe/batch_log.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "observe/log.h"
#include "observe/trace.h"

namespace ledgerline {

BatchLog::BatchLog(std::string_view message) : message_(message), enabled_(log::enabled(log::Level::info)) {}

void BatchLog::add(int lane, std::int64_t seq, std::string_view traceparent) {
    if (!enabled_) return;
    ++events_;
    places_.try_emplace(lane, Range{seq, seq}).first->second.last_seq = seq;
    std::string trace_id = trace_id_of(traceparent);
    if (trace_id.empty() || trace_id == last_trace_id_) return;
    trace_ids_.emplace_back(trace_id);
    last_trace_id_ = std::move(trace_id);
    if (trace_ids_.size() >= trace_ids_per_line_max) write();
}

void BatchLog::write() {
    if (events_ == 0) return;
    std::string places;
    for (const auto& [lane, range] : places_) {
        if (!places.empty()) places += ' ';
        fmt::format_to(std::back_inserter(places), "{}:{}", lane, range.first_seq);
        if (range.last_seq != range.first_seq) fmt::format_to(std::back_inserter(places), "-{}", range.last_seq);
    }
    log::Field traces("trace_ids", "");
    traces.value = std::exchange(trace_ids_, {});
    log::info(message_, {{"events", events_}, {"places", places}, traces});
    events_ = 0;
    places_.clear();
    last_trace_id_.clear();
}

}  // namespace ledgerline
