#include "notify/notifier.h"

#include <algorithm>
#include <utility>

#include "db/sqlstate.h"

namespace ledgerline::notify {
namespace {

constexpr milliseconds kFollowFor{1'000};
constexpr milliseconds kOutagePause{20};

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
            if (db::is_session_useless(ran.error().code)) {
                session_lost_ = true;
                renew_at_ = {};
            }
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
    if (std::exchange(session_lost_, false)) forget_targets();
    LEDGERLINE_CHECK(adopt(std::move(leases)));
    LEDGERLINE_CHECK(add_requested());
    measure();
    return {};
}

// The new session may be to a server that lost the newest decisions, as a standby may when it takes over: others come
// in their places. So every endpoint goes on from where the database has it.
void Notifier::forget_targets() {
    sender_.abandon();
    under_way_.clear();
    inbox_ = std::make_shared<Inbox>();  // what the tail still answers is for nobody
    targets_.clear();
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
