// Edge: what the sessions of one listener share. Safe to use from every HTTP thread.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/uuid.h"
#include "http/admission.h"
#include "http/api_keys.h"
#include "http/byte_budget.h"
#include "http/listener.h"
#include "http/server_span.h"
#include "observe/tracer.h"

namespace ledgerline::http {

struct Edge {
    Edge(ListenerConfig settings, const Router& router, const Clock& its_clock, Random& its_random,
         Metrics& its_metrics, Tracer& its_tracer)
        : config(std::move(settings)),
          clock(its_clock),
          random(its_random),
          metrics(its_metrics),
          tracer(its_tracer),
          span_attributes(server_attributes(config)),
          ids(its_clock, its_random),
          keys(config.api_keys),
          admission(router, keys),
          requests({config.request_bytes_max, std::min(config.request_bytes_max / 8, limits::small_requests_reserve_bytes),
                    limits::small_request_bytes_max}),
          answers({config.answer_bytes_max}) {}

    const ListenerConfig config;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
    Tracer& tracer;
    const SpanAttributes span_attributes;  // of every request's span
    UuidGenerator ids;
    const ApiKeys keys;
    const Admission admission;
    ByteBudget requests;  // heads and bodies, until the handler has done with them
    ByteBudget answers;
    std::atomic<bool> draining = false;  // no request is begun any more
};

}  // namespace ledgerline::http
