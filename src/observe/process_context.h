// ProcessContext: what every module gets from the process that it runs in. One process has one of each; a module that
// needs only one or two of them takes those.
//
//   const ProcessContext context{clock, random, ids, metrics, tracer};
//   Publisher publisher(options, store, producer, context);
//
// Copies refer to the same five, which must outlive all that was made with them. All are safe to use from any thread.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/uuid.h"
#include "observe/metrics.h"
#include "observe/tracer.h"

namespace ledgerline {

struct ProcessContext {
    const Clock& clock;
    Random& random;
    UuidGenerator& ids;
    Metrics& metrics;
    Tracer& tracer = Tracer::off();

    // The same without spans.
    ProcessContext untraced() const { return {clock, random, ids, metrics}; }
};

}  // namespace ledgerline
