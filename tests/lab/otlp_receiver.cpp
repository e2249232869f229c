#include "lab/otlp_receiver.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kPatience{60'000};
constexpr std::size_t kBodyBytesMax = 64 * 1024 * 1024;

std::string text_of(const json::Value* value) {
    if (!value) return "";
    return value->if_string() ? *value->if_string() : json::serialize(*value);
}

const json::Array& array_of(const json::Value& object, std::string_view name) {
    static const json::Array none;
    const json::Value* found = object.find(name);
    return found && found->if_array() ? *found->if_array() : none;
}

std::map<std::string, std::string> attributes_of(const json::Value& object) {
    std::map<std::string, std::string> attributes;
    for (const json::Value& each : array_of(object, "attributes")) {
        const json::Value* value = each.find("value");
        if (value && value->if_object() && value->if_object()->size() == 1)
            attributes[text_of(each.find("key"))] = text_of(&value->if_object()->front().second);
    }
    return attributes;
}

std::int64_t number_of(const json::Value* value) { return value ? value->if_int64().value_or(-1) : 0; }

ReceivedSpan read_span(const json::Value& json, const std::string& service) {
    ReceivedSpan span;
    span.service = service;
    span.trace_id = text_of(json.find("traceId"));
    span.span_id = text_of(json.find("spanId"));
    span.parent_id = text_of(json.find("parentSpanId"));
    span.name = text_of(json.find("name"));
    span.kind = number_of(json.find("kind"));
    if (const json::Value* status = json.find("status")) span.status = number_of(status->find("code"));
    span.attributes = attributes_of(json);
    for (const json::Value& link : array_of(json, "links"))
        span.links.push_back(text_of(link.find("traceId")) + "-" + text_of(link.find("spanId")));
    for (const json::Value& event : array_of(json, "events")) span.events.push_back(text_of(event.find("name")));
    return span;
}

ReceivedSpans read_spans(const json::Value& body) {
    ReceivedSpans spans;
    for (const json::Value& of_resource : array_of(body, "resourceSpans")) {
        const json::Value* resource = of_resource.find("resource");
        const auto attributes = resource ? attributes_of(*resource) : std::map<std::string, std::string>();
        const auto service = attributes.find("service.name");
        for (const json::Value& of_scope : array_of(of_resource, "scopeSpans"))
            for (const json::Value& span : array_of(of_scope, "spans"))
                spans.push_back(read_span(span, service == attributes.end() ? "" : service->second));
    }
    return spans;
}

}  // namespace

std::string ReceivedSpan::attribute(const std::string& key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? "missing" : found->second;
}

const ReceivedSpan& span_named(const ReceivedSpans& spans, const std::string& name) {
    static const ReceivedSpan none;
    const auto found = std::ranges::find(spans, name, &ReceivedSpan::name);
    if (found != spans.end()) return *found;
    ADD_FAILURE() << "there is no span " << name;
    return none;
}

OtlpReceiver::OtlpReceiver() {
    router_.add({.method = "POST",
                 .pattern = "/v1/traces",
                 .name = "traces",
                 .handler = [this](const http::Request& request) -> boost::asio::awaitable<http::Response> {
                     co_return take(request);
                 },
                 .body_bytes_max = kBodyBytesMax,
                 .scope = http::Scope::open});
    http::ListenerConfig config;
    config.port = 0;
    config.threads = 1;
    listener_ = std::make_unique<http::Listener>(config, router_, ProcessContext{clock_, random_, ids_, metrics_});
    const auto started = listener_->start();
    if (!started) ADD_FAILURE() << started.error().message;
}

OtlpReceiver::~OtlpReceiver() { listener_->stop(kPatience); }

std::string OtlpReceiver::endpoint() const { return "http://127.0.0.1:" + std::to_string(listener_->port()); }

http::Response OtlpReceiver::take(const http::Request& request) {
    http::Response response;
    response.body = "{}";
    const auto body = json::parse(request.body);
    if (!body) {
        ADD_FAILURE() << body.error().message;
        response.status = 400;
        return response;
    }
    {
        const std::lock_guard lock(mutex_);
        std::ranges::move(read_spans(*body), std::back_inserter(spans_));
    }
    changed_.notify_all();
    return response;
}

ReceivedSpans OtlpReceiver::trace(const std::string& trace_id) const {
    return wait_trace(trace_id, [](const ReceivedSpans&) { return true; });
}

ReceivedSpans OtlpReceiver::wait_trace(const std::string& trace_id,
                                       const std::function<bool(const ReceivedSpans&)>& enough) const {
    std::unique_lock lock(mutex_);
    ReceivedSpans found;
    changed_.wait_for(lock, kPatience, [&] {
        found.clear();
        std::ranges::copy_if(spans_, std::back_inserter(found),
                             [&](const ReceivedSpan& span) { return span.trace_id == trace_id; });
        return enough(found);
    });
    return found;
}

ReceivedSpans OtlpReceiver::wait_trace(const std::string& trace_id, const std::vector<std::string>& names) const {
    return wait_trace(trace_id, [&](const ReceivedSpans& spans) {
        return std::ranges::all_of(names, [&](const std::string& name) {
            return std::ranges::find(spans, name, &ReceivedSpan::name) != spans.end();
        });
    });
}

}  // namespace ledgerline::test
