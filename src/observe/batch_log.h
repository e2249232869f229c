// BatchLog: logs what happened to many events in few lines that can still be found by each event's trace id.
//
// One line per event would cost more than most of the work it reports. A batch writes one line at level info, and one
// more for every 64 traces in it: the number of events, their places by lane ("3:17-20 4:9"), and the ids of their
// traces. Nothing is collected while that level is off. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ledgerline {

class BatchLog {
public:
    // Keeps a line below the size that a pipe takes atomically (PIPE_BUF).
    static constexpr std::size_t trace_ids_per_line_max = 64;

    // message must outlive it.
    explicit BatchLog(std::string_view message);
    ~BatchLog() { write(); }
    BatchLog(const BatchLog&) = delete;
    BatchLog& operator=(const BatchLog&) = delete;

    // The next event of a lane. The events of one request are consecutive and share their trace.
    void add(int lane, std::int64_t seq, std::string_view traceparent);

private:
    struct Range {
        std::int64_t first_seq = 0;
        std::int64_t last_seq = 0;
    };

    void write();

    const std::string_view message_;
    const bool enabled_;
    std::size_t events_ = 0;  // of the line that is being collected
    std::map<int, Range> places_;
    json::Array trace_ids_;
    std::string last_trace_id_;
};

}  // namespace ledgerline
