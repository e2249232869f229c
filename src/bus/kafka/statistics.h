// The client library's statistics, as far as they say something to an operator, turned into metrics.
#pragma once

#include <string>
#include <string_view>

#include "observe/metrics.h"

namespace ledgerline::bus {

// json: one report of the library (STATISTICS.md there). What cannot be read is left as it was.
void record_kafka_statistics(std::string_view json, const std::string& client, Metrics& metrics);

}  // namespace ledgerline::bus
