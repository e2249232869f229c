// How a notifier sends, and records what became of it.
#include <utility>

#include "base/json_object.h"
#include "notify/event_types.h"
#include "notify/notifier.h"
#include "notify/signature.h"

namespace ledgerline::notify {
namespace {

constexpr int kGone = 410;
constexpr std::size_t kToldMax = 50;  // endpoints that one notice is for: those of one tenant

bool is_taken(const Answered& answer) { return answer.status >= 200 && answer.status < 300; }

std::string error_of(const Answered& answer) {
    if (is_taken(answer)) return "";
    if (answer.status == 0) return answer.error.empty() ? "there was no answer" : answer.error;
    return "the answer was " + std::to_string(answer.status);
}

std::string disabled_body(const Endpoint& endpoint, DisableReason reason, const std::string& id, WallTime now) {
    std::string data;
    JsonObject(data).add("webhook_id", endpoint.id).add("url", endpoint.url).add("reason", name_of(reason)).close();
    return own_event(webhook_disabled_type, id, now, data);
}

}  // namespace

void Notifier::send(SteadyTime now) {
    if (now >= lease_ends_at_) return;  // others may be sending by now
    for (auto& [id, target] : targets_) {
        if (target.to_disable) continue;
        while (target.queue.under_way() < connections_of_one()) {
            const Delivery* next = target.queue.next(now);
            if (!next) break;
            send(target, *next);
        }
    }
}

void Notifier::send(Target& target, const Delivery& delivery) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_now().time_since_epoch()).count();
    Outgoing message{.number = next_number_++, .url = target.endpoint.url, .headers = {}, .body = delivery.text()};
    message.headers = {
        "Expect:", "Content-Type: application/cloudevents+json; charset=utf-8", "webhook-id: " + delivery.event_id,
        "webhook-timestamp: " + std::to_string(seconds),
        "webhook-signature: " + signature_of(target.endpoint.secrets, delivery.event_id, seconds, message.body)};
    under_way_.emplace(message.number, UnderWay{target.endpoint.id, target.endpoint.epoch, delivery.queue()});
    sender_.send(std::move(message));
}

void Notifier::take_answers(milliseconds at_most) {
    for (const Answered& answer : sender_.run(at_most)) take(answer);
}

void Notifier::take(const Answered& answer) {
    probe_.attempted(answer, is_taken(answer));
    const auto sent = under_way_.extract(answer.number);
    if (sent.empty()) return;
    const auto found = targets_.find(sent.mapped().id);
    if (found == targets_.end() || found->second.endpoint.epoch != sent.mapped().epoch) return;
    Target& target = found->second;
    Attempt attempt{.at = clock_.wall_now() - answer.duration,
                    .status = answer.status,
                    .duration = answer.duration,
                    .error = error_of(answer)};
    if (!attempt.error.empty()) target.last_error = attempt.error;
    const auto verdict = target.queue.finish(sent.mapped().queue, std::move(attempt), answer.retry_after, clock_);
    if (verdict == EndpointQueue::Verdict::give_up) target.to_disable = DisableReason::failing;
    if (answer.status == kGone) target.to_disable = DisableReason::gone;
}

Result<void> Notifier::note(SteadyTime now) {
    std::vector<Settled> settled;
    std::string rows;
    std::size_t appended = 0;
    for (auto& [id, target] : targets_) {
        if (const auto position = target.queue.settled(); position != target.noted) {
            settled.push_back({id, target.endpoint.epoch, position});
            target.noted = position;
        }
        appended += target.queue.append_changes(id, target.endpoint.epoch, rows_per_note_max - appended, rows);
    }
    note_at_ = now + config_.note_interval;
    if (settled.empty() && rows.empty()) return disable_those_to_be();
    if (auto noted = store_.note(config_.owner, settled, rows); !noted) {
        for (const Settled& each : settled) targets_.at(each.webhook_id).noted = {};
        return noted;
    }
    for (auto& [id, target] : targets_) target.queue.note_stored();
    return disable_those_to_be();
}

// After their deliveries were stored.
Result<void> Notifier::disable_those_to_be() {
    for (auto target = targets_.begin(); target != targets_.end();) {
        const auto reason = target->second.to_disable;
        if (!reason) {
            ++target;
            continue;
        }
        NotifyStore::Notice notice{.audit_id = context_.ids.next(),
                                   .event_id = context_.ids.next().to_string(),
                                   .body = {},
                                   .delivery_ids = {}};
        notice.body = disabled_body(target->second.endpoint, *reason, notice.event_id, clock_.wall_now());
        for (std::size_t n = 0; n < kToldMax; ++n) notice.delivery_ids.push_back(context_.ids.next());
        LEDGERLINE_CHECK(store_.disable(config_.owner, target->second.endpoint, *reason, notice));
        probe_.disabled(target->second.endpoint, *reason, target->second.last_error);
        target = targets_.erase(target);
    }
    return {};
}

}  // namespace ledgerline::notify
