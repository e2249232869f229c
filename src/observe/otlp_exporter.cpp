#include "observe/otlp_exporter.h"

#include <pthread.h>

#include <algorithm>

#include "base/json.h"
#include "observe/exceptions.h"
#include "observe/log.h"
#include "observe/otlp_json.h"

namespace ledgerline {
namespace {

bool is_worth_another_try(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

// Spans that the collector rejected although it accepted the request.
std::size_t rejected_spans(const std::string& body) {
    const auto parsed = json::parse(body);
    const json::Value* partial = parsed ? parsed->find("partialSuccess") : nullptr;
    const json::Value* rejected = partial ? partial->find("rejectedSpans") : nullptr;
    if (!rejected) return 0;
    // 64-bit integers are strings in protobuf's JSON, but numbers must be accepted as well.
    const auto number = json::Value(json::Number{rejected->if_string()   ? *rejected->if_string()
                                                 : rejected->if_number() ? rejected->if_number()->text
                                                                         : "0"})
                            .if_int64();
    return number && *number > 0 ? static_cast<std::size_t>(*number) : 0;
}

}  // namespace

OtlpExporter::OtlpExporter(ExporterConfig config, OtlpSender& sender, const Clock& clock, Random& random,
                           Metrics& metrics)
    : config_(std::move(config)),
      sender_(sender),
      clock_(clock),
      metrics_(metrics),
      dropped_queue_full_(metrics.trace_spans_dropped_total.Add({{"reason", "queue_full"}})),
      backoff_(config_.backoff, random) {}

void OtlpExporter::start() {
    LEDGERLINE_ASSERT(!thread_.joinable());
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "trace-export");
}

void OtlpExporter::stop(milliseconds at_most) {
    {
        const std::lock_guard lock(mutex_);
        if (!stop_by_) stop_by_ = clock_.steady_now() + at_most;
        sender_.hurry(*stop_by_);
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void OtlpExporter::take(std::unique_ptr<SpanData> span) {
    std::size_t waiting = 0;
    {
        const std::lock_guard lock(mutex_);
        waiting = queue_.size();
        if (waiting < config_.queue_spans_max && !stop_by_) queue_.push_back(std::move(span));
    }
    if (span) return dropped_queue_full_.Increment();
    // The thread checks by itself after the delay; it is woken only when a batch is full.
    if (waiting + 1 == config_.batch_spans_max) changed_.notify_one();
}

void OtlpExporter::run() {
    while (true) {
        Batch batch;
        try {
            batch = next_batch();
            if (batch.empty()) return;
            send(batch);
        } catch (const std::exception& exception) {
            note_exception(metrics_, "trace-export", exception.what());
            if (!batch.empty()) drop(batch.size(), "unreachable");
        }
    }
}

// Waits for a full batch, but no longer than the delay. Empty: stop() was called and nothing is left.
OtlpExporter::Batch OtlpExporter::next_batch() {
    std::unique_lock lock(mutex_);
    const auto enough = [this] { return queue_.size() >= config_.batch_spans_max || stop_by_; };
    do changed_.wait_for(lock, config_.delay, enough);
    while (queue_.empty() && !stop_by_);
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), config_.batch_spans_max));
    Batch batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + count));
    queue_.erase(queue_.begin(), queue_.begin() + count);
    metrics_.trace_queue_spans.Set(static_cast<double>(queue_.size()));
    return batch;
}

void OtlpExporter::send(const Batch& batch) {
    const std::string body = encode_otlp(batch, config_.resource, config_.version);
    const SteadyTime give_up_at = clock_.steady_now() + config_.retry_for;
    while (time_left(give_up_at) > milliseconds(0)) {
        const auto delay = try_once(body, batch.size());
        if (!delay) return;
        if (!sleep(std::min(*delay, time_left(give_up_at)))) break;
    }
    const std::lock_guard lock(mutex_);
    drop(batch.size(), stop_by_ ? "shutdown" : "unreachable");
}

std::optional<milliseconds> OtlpExporter::try_once(const std::string& body, std::size_t spans) {
    const auto answer = sender_.post(body, time_left(clock_.steady_now() + config_.timeout));
    if (answer && answer->status >= 200 && answer->status < 300) {
        const std::size_t rejected = std::min(spans, rejected_spans(answer->body));
        metrics_.trace_spans_exported_total.Increment(static_cast<double>(spans - rejected));
        if (rejected > 0) drop(rejected, "refused");
        if (std::exchange(failing_, false)) log::info("traces: the collector takes spans again");
        backoff_.reset();
        return std::nullopt;
    }
    metrics_.trace_export_failures_total.Increment();
    note_failure(answer ? "it answered " + std::to_string(answer->status) : answer.error().message);
    if (answer && !is_worth_another_try(answer->status)) {
        drop(spans, "refused");
        return std::nullopt;
    }
    const milliseconds delay = backoff_.next();
    return answer && answer->retry_after > milliseconds(0) ? answer->retry_after : delay;
}

// Until end, or until the time stop() set, if that is earlier.
milliseconds OtlpExporter::time_left(SteadyTime end) const {
    const std::lock_guard lock(mutex_);
    if (stop_by_) end = std::min(end, *stop_by_);
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - clock_.steady_now()));
}

// False when stop() was called: then there is no time for another try.
bool OtlpExporter::sleep(milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, at_most, [this] { return stop_by_.has_value(); });
}

void OtlpExporter::drop(std::size_t spans, std::string_view reason) {
    metrics_.trace_spans_dropped_total.Add({{"reason", std::string(reason)}}).Increment(static_cast<double>(spans));
}

void OtlpExporter::note_failure(const std::string& reason) {
    if (std::exchange(failing_, true)) return;
    log::warn("traces: the collector does not take spans", {{"reason", reason}});
}

}  // namespace ledgerline
