// BatchLog: logs what happened to many events of one lane in few lines that can still be found by each event's trace
// id.
//
// One line per event would cost more than most of the work it reports. Lines are written at level info, each with lane,
// first_seq, last_seq and the trace ids of the events between them; nothing is collected while that level is off. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ledgerline {

class BatchLog {
public:
    // Keeps a line below the size that a pipe takes atomically (PIPE_BUF).
    static constexpr std::size_t trace_ids_per_line_max = 64;

    // message must outlive it.
    BatchLog(std::string_view message, int lane);
    ~BatchLog() { write(); }
    BatchLog(const BatchLog&) = delete;
    BatchLog& operator=(const BatchLog&) = delete;

    // The lane's next event. The events of one request are consecutive and share their trace.
    void add(std::int64_t seq, std::string_view traceparent);

private:
    void write();

    const std::string_view message_;
    const int lane_;
    const bool enabled_;
    std::int64_t first_seq_ = 0;  // 0: nothing to write
    std::int64_t last_seq_ = 0;
    json::Array trace_ids_;
    std::string last_trace_id_;
};

}  // namespace ledgerline
