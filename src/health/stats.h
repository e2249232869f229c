// GET /stats: what `ledgerline top` shows of one process, as JSON. The sums come from the same metrics as /metrics:
// nothing is asked of the database.
#pragma once

#include <string>
#include <string_view>

#include "observe/metrics.h"

namespace ledgerline::health {

// {"version", "counters": {"requests", ...}, "dead_letters_parked", "latencies": {"http": {"bounds_seconds": [...],
// "counts": [...]}, ...}}. Counters and counts only grow. counts are cumulative, one more than there are bounds: the
// last is the total. Answers to probes are not requests.
std::string stats_text(const Metrics& metrics, std::string_view version);

}  // namespace ledgerline::health
