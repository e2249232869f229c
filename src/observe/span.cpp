#include "observe/span.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/json.h"
#include "observe/tracer.h"

namespace ledgerline {
namespace {

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

void append_number(std::int64_t number, std::string& out) {
    char digits[20];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
    out.append(digits, end);
}

}  // namespace

void SpanAttributes::append_text(std::string_view text, std::string& out) {
    text = text.substr(0, text_chars_max);
    if (is_plain(text)) {
        out += '"';
        out += text;
        out += '"';
        return;
    }
    std::string quoted;
    json::append_quoted(text, quoted);
    if (!json::parse(quoted))
        std::replace_if(
            quoted.begin(), quoted.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    out += quoted;
}

void SpanAttributes::begin(std::string_view key) {
    json_ += json_.empty() ? R"({"key":")" : R"(,{"key":")";
    json_ += key;
    json_ += R"(","value":{)";
}

SpanAttributes& SpanAttributes::add(std::string_view key, std::string_view text) {
    begin(key);
    json_ += R"("stringValue":)";
    append_text(text, json_);
    json_ += "}}";
    return *this;
}

SpanAttributes& SpanAttributes::add(std::string_view key, bool value) {
    begin(key);
    json_ += value ? R"("boolValue":true}})" : R"("boolValue":false}})";
    return *this;
}

SpanAttributes& SpanAttributes::add(std::string_view key, const Uuid& id) {
    begin(key);
    json_ += R"("stringValue":")";
    id.append_to(json_);
    json_ += R"("}})";
    return *this;
}

SpanAttributes& SpanAttributes::add_number(std::string_view key, std::int64_t number) {
    begin(key);
    json_ += R"("intValue":")";
    append_number(number, json_);
    json_ += R"("}})";
    return *this;
}

void SpanAttributes::append(const SpanAttributes& others) {
    if (others.json_.empty()) return;
    if (!json_.empty()) json_ += ',';
    json_ += others.json_;
}

void SpanData::add_event(WallTime at, std::string_view event_name, const SpanAttributes& event_attributes) {
    events += events.empty() ? R"({"timeUnixNano":")" : R"(,{"timeUnixNano":")";
    append_number(at.time_since_epoch().count(), events);
    events += R"(000","name":)";
    SpanAttributes::append_text(event_name, events);
    events += R"(,"attributes":[)";
    events += event_attributes.json();
    events += "]}";
}

void SpanData::add_link(const TraceContext& other) {
    if (links_count == links_max) {
        ++links_dropped;
        return;
    }
    ++links_count;
    links += links.empty() ? R"({"traceId":")" : R"(,{"traceId":")";
    links += other.trace_id;
    links += R"(","spanId":")";
    links += other.span_id;
    links += R"("})";
}

Span& Span::operator=(Span&& other) noexcept {
    if (this == &other) return *this;
    end();
    context_ = other.context_;
    tracer_ = other.tracer_;
    data_ = std::move(other.data_);
    return *this;
}

Span& Span::set_all(const SpanAttributes& attributes) {
    if (data_) data_->attributes.append(attributes);
    return *this;
}

void Span::add_event(std::string_view name, const SpanAttributes& attributes) {
    if (data_) data_->add_event(tracer_->now(), name, attributes);
}

void Span::fail(std::string_view type, std::string_view message) {
    if (!data_) return;
    data_->status = SpanStatus::error;
    data_->status_message = message;
    data_->attributes.add("error.type", type);
    add_event("exception", SpanAttributes().add("exception.type", type).add("exception.message", message));
}

void Span::end() {
    if (data_) end_at(tracer_->now());
}

void Span::end_at(WallTime at) {
    if (!data_) return;
    // The time of day may have been set back in the meantime.
    data_->ended_at = std::max(at, data_->begun_at);
    tracer_->finish(std::exchange(data_, nullptr));
}

}  // namespace ledgerline
