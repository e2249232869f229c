// Turns those of the client library's statistics that matter to an operator into metrics.
#pragma once

#include <string>
#include <string_view>

#include "observe/metrics.h"

namespace ledgerline::bus {

// json: one report of the library (see its STATISTICS.md). Metrics whose values cannot be read stay unchanged.
void record_kafka_statistics(std::string_view json, const std::string& client, Metrics& metrics);

}  // namespace ledgerline::bus
