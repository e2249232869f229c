// CollectedSpans: where finished spans go in a test.
#pragma once

#include <memory>
#include <vector>

#include "observe/tracer.h"

namespace ledgerline::test {

struct CollectedSpans final : SpanSink {
    void take(std::unique_ptr<SpanData> span) override { spans.push_back(std::move(span)); }
    std::vector<std::unique_ptr<SpanData>> spans;
};

}  // namespace ledgerline::test
