// What the operating system reports about this process, under the names that Prometheus' client libraries use, and how
// many of its log lines were dropped.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace ledgerline {

// CPU time, memory, file descriptors, threads and start time, as of now. Omits what cannot be read.
std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace ledgerline
