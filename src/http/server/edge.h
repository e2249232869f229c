// Edge: what the sessions of one listener share. Safe to use from every HTTP thread.
#pragma once

#include <algorithm>
#include <atomic>

#include "http/server/admission.h"
#include "http/server/api_keys.h"
#include "http/server/browsers.h"
#include "http/server/byte_budget.h"
#include "http/server/connections.h"
#include "http/server/listener.h"
#include "http/server/server_span.h"
#include "observe/exceptions.h"
#include "observe/process_context.h"

namespace ledgerline::http {

struct Edge {
    // shared: null, or that of another listener, whose keys and certificate this one uses.
    Edge(ListenerConfig settings, const Router& router, const ProcessContext& context, Edge* shared)
        : config(std::move(settings)),
          clock(context.clock),
          random(context.random),
          metrics(context.metrics),
          tracer(context.tracer),
          span_attributes(server_attributes(config)),
          ids(context.ids),
          own_tls(config.tls),
          tls(shared ? shared->tls : own_tls),
          own_keys(config.api_keys, context.clock, config.key_policy),
          keys(shared ? shared->keys : own_keys),
          logins(keys, context.clock, context.random),
          browsers(config.allowed_hosts, config.cors_origins),
          admission(browsers, router, logins),
          connections(
              {config.connections_max, share_of(config, config.connections_per_address), config.trusted_proxies}),
          spare_connections({Listener::spare_connections_max, Listener::spare_connections_max, {}}),
          requests(
              {config.request_bytes_max, std::min(limits::small_requests_reserve_bytes, config.request_bytes_max / 10),
               limits::small_request_bytes_max},
              &metrics.http_request_bytes,
              [this](std::size_t bytes) { connections.relieve(Eviction::request_bytes, bytes); }),
          answers({config.answer_bytes_max}, &metrics.http_answer_bytes,
                  [this](std::size_t bytes) { connections.relieve(Eviction::answer_bytes, bytes); }),
          connections_per_key(static_cast<std::int64_t>(share_of(config, config.connections_per_key))) {}

    const ListenerConfig config;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
    Tracer& tracer;
    const SpanAttributes span_attributes;  // of every request's span
    UuidGenerator& ids;
    std::atomic<std::shared_ptr<const TlsContext>> own_tls;
    std::atomic<std::shared_ptr<const TlsContext>>& tls;  // of connections made from now on; null: plain
    ApiKeys own_keys;
    ApiKeys& keys;
    const Logins logins;
    const Browsers browsers;
    const Admission admission;
    Connections connections;
    Connections spare_connections;  // beyond connections_max: only probes are answered
    ByteBudget requests;            // heads and bodies, until the handler is done with them
    ByteBudget answers;
    const std::int64_t connections_per_key;
    // Counts and logs what a session or the accept loop threw. Throws nothing.
    void note_thrown(const char* what) noexcept { note_exception(metrics, "http", what); }

    std::atomic<bool> draining = false;  // no new requests are begun

private:
    // share: 0 is half of all.
    static std::size_t share_of(const ListenerConfig& config, std::size_t share) {
        return share > 0 ? share : std::max<std::size_t>(config.connections_max / 2, 1);
    }
};

}  // namespace ledgerline::http
