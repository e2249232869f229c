// What the operating system says about this process, under the names that Prometheus' client libraries use, and what
// became of its log lines.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace ledgerline {

// CPU time, memory, file descriptors, threads and start time, as of now. What cannot be read is left out.
std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace ledgerline
