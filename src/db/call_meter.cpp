#include "db/call_meter.h"

#include <cctype>

#include "db/connection.h"

namespace ledgerline::db {
namespace {

// The statement's first word, such as "SELECT". Our statements begin with it, after comments.
std::string operation_of(std::string_view sql) {
    while (sql.starts_with("--")) sql.remove_prefix(std::min(sql.find('\n') + 1, sql.size()));
    std::size_t length = 0;
    while (length < sql.size() && std::isalpha(static_cast<unsigned char>(sql[length]))) ++length;
    return std::string(sql.substr(0, length));
}

}  // namespace

void CallMeter::begin(std::span<const Call> calls) {
    answered_at_ = std::chrono::steady_clock::now();
    const TraceContext* parent = TraceScope::current();
    if (parent && parent->sampled && tracer_.enabled()) begin_span(calls, *parent);
}

void CallMeter::begin_span(std::span<const Call> calls, const TraceContext& parent) {
    std::string summary;
    for (const Call& call : calls) {
        if (!summary.empty()) summary += ' ';
        summary += call.statement.name;
    }
    span_ = tracer_.start_below(parent, SpanKind::client, summary);
    span_.set("db.system.name", "postgresql").set("db.query.summary", summary);
    if (!database_.empty()) span_.set("db.namespace", database_);
    if (calls.size() == 1) {
        span_.set("db.operation.name", operation_of(calls.front().statement.sql));
    } else {
        span_.set("db.operation.name", "BATCH").set("db.operation.batch.size", calls.size());
    }
}

void CallMeter::answered(const Statement& statement) {
    const SteadyTime now = std::chrono::steady_clock::now();
    prometheus::Histogram*& seconds = seconds_[statement.name];
    if (!seconds) seconds = &metrics_.statement_seconds(statement.name);
    seconds->Observe(std::chrono::duration<double>(now - answered_at_).count());
    answered_at_ = now;
}

void CallMeter::end(const Error* error) {
    if (error && span_.recording()) {
        span_.set("db.response.status_code", error->code);
        span_.fail(*error);
    }
    span_.end();
}

}  // namespace ledgerline::db
