// Tracing: a process' tracer and exporter, set up from its settings.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "observe/metrics.h"
#include "observe/otlp_sender.h"
#include "observe/trace_settings.h"
#include "observe/tracer.h"

namespace ledgerline {

class Tracing {
public:
    // How long stop() waits for a collector that does not answer.
    static constexpr milliseconds flush_max{5'000};

    // Begins to export at once, unless the settings leave traces off: then it costs nothing, and sender may be null.
    // The references must outlive it.
    Tracing(TraceSettings settings, std::unique_ptr<OtlpSender> sender, const Clock& clock, Random& random,
            Metrics& metrics);
    ~Tracing() { stop(); }

    // Lives as long as this; its users must be gone first.
    Tracer& tracer() { return *tracer_; }

    // Exports what has ended so far, as far as that is possible within flush_max. Drops spans that end later.
    // Repeatable.
    void stop();

private:
    std::unique_ptr<OtlpSender> sender_;
    std::unique_ptr<OtlpExporter> exporter_;
    std::unique_ptr<Tracer> tracer_;
};

}  // namespace ledgerline
