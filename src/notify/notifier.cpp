#include "notify/notifier.h"

#include <algorithm>
#include <utility>

#include "base/json_object.h"
#include "notify/event_types.h"
#include "notify/signature.h"

namespace ledgerline::notify {
namespace {

constexpr int kGone = 410;
constexpr milliseconds kFollowFor{1'000};
constexpr milliseconds kOutagePause{20};
constexpr std::size_t kToldMax = 50;  // endpoints that one notice is for

bool is_taken(const Answered& answer) { return answer.status >= 200 && answer.status < 300; }

std::string error_of(const Answered& answer) {
    if (is_taken(answer)) return "";
    if (answer.status == 0) return answer.error.empty() ? "there was no answer" : answer.error;
    return "the answer was " + std::to_string(answer.status);
}

std::string disabled_body(const Endpoint& endpoint, DisableReason reason, const std::string& id, WallTime now) {
    std::string data, body;
    JsonObject(data).add("webhook_id", endpoint.id).add("url", endpoint.url).add("reason", name_of(reason)).close();
    JsonObject(body)
        .add("specversion", "1.0")
        .add("id", id)
        .add("source", "ledgerline/webhooks")
        .add("type", webhook_disabled_type)
        .add("time", now)
        .add("datacontenttype", "application/json")
        .add_raw("data", data)
        .close();
    return body;
}

}  // namespace

Notifier::Notifier(NotifierConfig config, NotifyStore& store, feed::FeedTail& tail, Sender& sender,
                   const ProcessContext& context)
    : config_(std::move(config)),
      store_(store),
      tail_(tail),
      sender_(sender),
      context_(context),
      clock_(context.clock),
      probe_(context.metrics),
      database_backoff_(outage_backoff, context.random) {}

Result<milliseconds> Notifier::step() {
    const SteadyTime now = clock_.steady_now();
    take_told();
    if (now >= retry_at_) {
        const auto ran = run_round(now);
        if (!ran && ran.error().disposition == Disposition::stop) return std::unexpected(ran.error());
        if (ran) {
            database_backoff_.reset();
            probe_.database_answered();
        } else {
            probe_.database_away(ran.error());
            retry_at_ = now + database_backoff_.next();
        }
    }
    if (targets_.empty())
        return std::clamp(std::chrono::ceil<milliseconds>(std::max(renew_at_, retry_at_) - now), milliseconds(1),
                          config_.renew_interval);
    send(now);
    take_answers(until_due(clock_.steady_now()));
    return milliseconds(0);
}

// What needs the database.
Result<void> Notifier::run_round(SteadyTime now) {
    if (now >= renew_at_) LEDGERLINE_CHECK(renew(now));
    LEDGERLINE_CHECK(read_behind());
    LEDGERLINE_CHECK(load_events());
    if (now >= note_at_) LEDGERLINE_CHECK(note(now));
    if (now < prune_at_ || targets_.empty()) return {};
    prune_at_ = now + config_.prune_interval;
    std::vector<Uuid> ids;
    for (const auto& [id, target] : targets_) ids.push_back(id);
    return store_.prune(ids);
}

Result<void> Notifier::renew(SteadyTime now) {
    LEDGERLINE_TRY(Leases leases, store_.renew(config_.owner, config_.lease_term));
    lease_ends_at_ = now + config_.lease_term;
    renew_at_ = now + config_.renew_interval;
    probe_.failing(leases.failing);
    LEDGERLINE_CHECK(adopt(std::move(leases)));
    LEDGERLINE_CHECK(add_requested());
    measure();
    return {};
}

// Keeps what it holds, under the terms of now; begins with what is new; and forgets the rest.
Result<void> Notifier::adopt(Leases leases) {
    std::map<Uuid, Target> kept;
    for (Endpoint& endpoint : leases.endpoints) {
        const auto known = targets_.find(endpoint.id);
        if (known == targets_.end() || known->second.endpoint.epoch != endpoint.epoch) continue;
        known->second.endpoint = std::move(endpoint);
        kept.insert(targets_.extract(known));
    }
    targets_ = std::move(kept);
    for (Endpoint& endpoint : leases.endpoints) {
        if (targets_.contains(endpoint.id)) continue;
        LEDGERLINE_TRY(auto standing, store_.standing(endpoint, config_.owner));
        if (!standing) continue;
        EndpointQueue queue(config_.queue, standing->position, context_.random);
        queue.restore(std::move(standing->pending), clock_);
        const Uuid id = endpoint.id;
        targets_.emplace(id, Target{.endpoint = std::move(endpoint), .queue = std::move(queue)});
    }
    return {};
}

Result<void> Notifier::add_requested() {
    if (targets_.empty()) return {};
    std::vector<Uuid> ids;
    for (const auto& [id, target] : targets_) ids.push_back(id);
    LEDGERLINE_TRY(auto requested, store_.requested(ids));
    for (auto& [id, delivery] : requested)
        targets_.at(id).queue.add_requested(std::move(delivery), clock_.steady_now());
    return {};
}

void Notifier::take_told() {
    std::vector<Told> told;
    {
        std::lock_guard lock(inbox_->mutex);
        told = std::exchange(inbox_->told, {});
    }
    for (Told& each : told) {
        const auto target = targets_.find(each.id);
        if (target == targets_.end() || target->second.endpoint.epoch != each.epoch) continue;
        target->second.follows = false;
        target->second.behind = each.tailed.kind == feed::Tailed::Kind::behind;
        take(target->second, each.tailed.outcomes, each.tailed.position);
    }
    for (auto& [id, target] : targets_)
        if (!target.follows && !target.behind) follow(target);
}

void Notifier::take(Target& target, const std::vector<std::shared_ptr<const feed::Outcome>>& outcomes,
                    const feed::FeedPosition& position) {
    for (const auto& outcome : outcomes) {
        if (!target.endpoint.wants(*outcome)) continue;
        Delivery delivery{
            .id = context_.ids.next(), .event_id = outcome->id, .event_type = std::string(name_of(outcome->type))};
        delivery.account_id = outcome->account_id;
        delivery.lane = outcome->lane;
        delivery.place = outcome->place;
        delivery.outcome = outcome;
        delivery.created_at = clock_.wall_now();
        target.queue.add(std::move(delivery), clock_.steady_now());
    }
    target.queue.advance(position);
}

// Asks the tail for what comes next, if there is room for it.
void Notifier::follow(Target& target) {
    const std::size_t room = target.queue.room();
    if (room == 0 || target.to_disable) return;
    if (!target.seat) target.seat = tail_.take_seat();
    if (!target.seat) return;
    target.follows = true;
    tail_.follow(target.queue.read(), {}, room, clock_.steady_now() + kFollowFor,
                 [inbox = inbox_, &sender = sender_, id = target.endpoint.id,
                  epoch = target.endpoint.epoch](feed::Tailed tailed) {
                     if (tailed.kind == feed::Tailed::Kind::closed) return;
                     {
                         std::lock_guard lock(inbox->mutex);
                         inbox->told.push_back({id, epoch, std::move(tailed)});
                     }
                     sender.wake();
                 });
}

Result<void> Notifier::read_behind() {
    for (auto& [id, target] : targets_) {
        const std::size_t room = target.queue.room();
        if (!target.behind || target.follows || target.to_disable || room == 0) continue;
        auto window = store_.read(target.queue.read(), room);
        if (is_refusal(window)) {
            // It is of another ledger, or of this one before it was restored: only people can tell what to do.
            probe_.unreadable(target.endpoint, window.error());
            continue;
        }
        if (!window) return std::unexpected(std::move(window).error());
        take(target, window->outcomes, window->position);
        target.behind = window->more;
    }
    return {};
}

// Reads the events that are due and were dropped from memory.
Result<void> Notifier::load_events() {
    std::vector<std::pair<int, feed::FeedPlace>> places;
    std::vector<std::pair<Target*, Delivery*>> wanted;
    for (auto& [id, target] : targets_)
        for (Delivery* each : target.queue.to_load(clock_.steady_now(), loaded_per_step_max - wanted.size())) {
            wanted.emplace_back(&target, each);
            places.emplace_back(*each->lane, each->place);
        }
    if (wanted.empty()) return {};
    LEDGERLINE_TRY(const auto outcomes, store_.read_places(places));
    std::map<std::pair<int, feed::FeedPlace>, std::shared_ptr<const feed::Outcome>> found;
    for (const auto& outcome : outcomes) found.emplace(std::pair(outcome->lane, outcome->place), outcome);
    for (const auto& [target, delivery] : wanted)
        if (const auto outcome = found.find({*delivery->lane, delivery->place}); outcome != found.end())
            target->queue.loaded(*delivery, outcome->second);
    return {};
}

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

void Notifier::measure() {
    const WallTime now = clock_.wall_now();
    WallTime oldest = now;
    std::size_t pending = 0;
    for (const auto& [id, target] : targets_) {
        oldest = std::min(oldest, target.queue.oldest().value_or(now));
        pending += target.queue.stored();
    }
    probe_.standing(now - oldest, pending);
}

// So that all of them may be slow at once and still leave room for one that is not.
std::size_t Notifier::connections_of_one() const {
    return std::clamp(config_.connections_max / std::max<std::size_t>(targets_.size(), 1),
                      config_.connections_of_one_min, config_.connections_of_one_max);
}

milliseconds Notifier::until_due(SteadyTime now) const {
    SteadyTime until = std::min({now + run_max, std::max(renew_at_, retry_at_), std::max(note_at_, retry_at_)});
    for (const auto& [id, target] : targets_) {
        if (target.behind && !target.follows && target.queue.room() > 0) until = std::min(until, retry_at_);
        if (target.queue.under_way() < connections_of_one() && !target.to_disable)
            until = std::min(until, target.queue.due());
    }
    // What is due may need the database, which is away.
    const milliseconds least = now < retry_at_ ? kOutagePause : milliseconds(0);
    return std::clamp(std::chrono::ceil<milliseconds>(until - now), least, run_max);
}

void Notifier::release() {
    sender_.abandon();
    under_way_.clear();
    if (targets_.empty()) return;
    // The second time the positions move over what the first one stored.
    for (int times = 0; times < 2; ++times)
        if (!note(clock_.steady_now())) return;
    (void)store_.release(config_.owner);
    targets_.clear();
}

}  // namespace ledgerline::notify
