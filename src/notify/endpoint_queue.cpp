#include "notify/endpoint_queue.h"

#include <algorithm>
#include <iterator>

namespace ledgerline::notify {
namespace {

// How many accounts are looked through for one whose event is in memory.
constexpr std::size_t kLooksMax = 100;

}  // namespace

EndpointQueue::EndpointQueue(QueueLimits limits, feed::FeedPosition position, Random& random)
    : limits_(limits), random_(random), read_(position) {
    for (int lane = 0; lane < lane_count; ++lane) lanes_.at(static_cast<std::size_t>(lane)).settled = position.at(lane);
}

void EndpointQueue::restore(std::vector<Delivery> pending, const Clock& clock) {
    const SteadyTime now = clock.steady_now();
    const WallTime wall = clock.wall_now();
    for (Delivery& each : pending) {
        const auto wait = each.next_attempt_at
                              ? std::max(std::chrono::ceil<milliseconds>(*each.next_attempt_at - wall), milliseconds(0))
                              : milliseconds(0);
        const Uuid key = each.queue();
        each.stored = true;
        ++stored_;
        push(std::move(each), now + std::min(wait, limits_.pause_max));
        accounts_.at(key).failing = true;  // what comes behind is stored too
    }
}

std::size_t EndpointQueue::room() const {
    const std::size_t by_held = limits_.held_max - std::min(held_, limits_.held_max);
    return std::min(by_held, limits_.loaded_max - std::min(loaded_, limits_.loaded_max));
}

void EndpointQueue::add(Delivery delivery, SteadyTime now) {
    lanes_.at(static_cast<std::size_t>(*delivery.lane)).unsettled.push_back({delivery.place, false});
    push(std::move(delivery), now);
}

void EndpointQueue::add_requested(Delivery delivery, SteadyTime now) {
    if (accounts_.contains(delivery.queue())) return;
    const bool was_finished =
        std::ranges::any_of(finished_, [&](const auto& each) { return each.first.id == delivery.id; });
    if (was_finished) return;
    delivery.stored = true;
    ++stored_;
    push(std::move(delivery), now);
}

void EndpointQueue::push(Delivery delivery, SteadyTime due) {
    ++held_;
    if (delivery.outcome) ++loaded_;
    const auto [account, is_new] = accounts_.try_emplace(delivery.queue());
    account->second.queue.push_back(std::move(delivery));
    if (is_new) schedule(account, due);
}

void EndpointQueue::schedule(Accounts::iterator account, SteadyTime due) {
    waiting_.erase({account->second.due, account->first});
    account->second.due = due;
    waiting_.emplace(due, account->first);
}

bool EndpointQueue::is_due(const std::pair<SteadyTime, Uuid>& waiting, SteadyTime now) const {
    // The one that waited longest shows whether the endpoint takes anything again.
    return is_failing() ? under_way_ == 0 && open_at_ <= now : waiting.first <= now;
}

Delivery* EndpointQueue::next(SteadyTime now) {
    std::size_t looks = 0;
    for (const auto& each : waiting_) {
        if (!is_due(each, now) || ++looks > kLooksMax) return nullptr;
        Account& account = accounts_.at(each.second);
        if (!account.queue.front().is_loaded()) continue;
        waiting_.erase(std::pair(each));
        account.under_way = true;
        ++under_way_;
        return &account.queue.front();
    }
    return nullptr;
}

SteadyTime EndpointQueue::due() const {
    if (waiting_.empty()) return SteadyTime::max();
    if (is_failing()) return under_way_ > 0 ? SteadyTime::max() : open_at_;
    return waiting_.begin()->first;
}

std::vector<Delivery*> EndpointQueue::to_load(SteadyTime now, std::size_t rows_max) {
    std::vector<Delivery*> unloaded;
    std::size_t looks = 0;
    for (const auto& each : waiting_) {
        if (!is_due(each, now) || ++looks > kLooksMax || unloaded.size() == rows_max) break;
        Delivery& head = accounts_.at(each.second).queue.front();
        if (!head.is_loaded()) unloaded.push_back(&head);
    }
    return unloaded;
}

void EndpointQueue::loaded(Delivery& delivery, std::shared_ptr<const feed::Outcome> outcome) {
    delivery.outcome = std::move(outcome);
    ++loaded_;
}

void EndpointQueue::unload(Delivery& delivery) {
    if (!delivery.outcome) return;
    delivery.outcome.reset();
    --loaded_;
}

void EndpointQueue::put_back(const Uuid& queue, SteadyTime now) {
    const auto account = accounts_.find(queue);
    if (account == accounts_.end() || !account->second.under_way) return;
    account->second.under_way = false;
    --under_way_;
    schedule(account, now);
}

EndpointQueue::Verdict EndpointQueue::finish(const Uuid& queue, Attempt attempt, milliseconds retry_after,
                                             const Clock& clock) {
    const auto account = accounts_.find(queue);
    LEDGERLINE_ASSERT(account != accounts_.end() && account->second.under_way);
    const SteadyTime now = clock.steady_now();
    const WallTime wall = clock.wall_now();
    account->second.under_way = false;
    --under_way_;
    Delivery& head = account->second.queue.front();
    const bool taken = attempt.error.empty();
    ++head.attempts;
    head.changed = true;
    if (!head.first_attempt_at) head.first_attempt_at = wall;
    head.tries.push_back(std::move(attempt));
    if (head.tries.size() > Delivery::tries_kept_max) head.tries.erase(head.tries.begin());
    if (taken) {
        pop(account, Fate::delivered, now);
        note_success(now);
        return Verdict::go_on;
    }
    note_failure(now);
    if (head.tries_max && head.attempts >= *head.tries_max) {
        pop(account, Fate::failed, now);
        return Verdict::go_on;
    }
    const milliseconds pause = std::clamp(retry_after, pause_after(head.attempts), limits_.pause_max);
    head.next_attempt_at = wall + pause;
    account->second.failing = true;
    schedule(account, now + pause);
    return !head.tries_max && wall - *head.first_attempt_at >= limits_.retry_for ? Verdict::give_up : Verdict::go_on;
}

void EndpointQueue::pop(Accounts::iterator account, Fate fate, SteadyTime now) {
    Delivery& head = account->second.queue.front();
    settle(head);
    unload(head);
    --held_;
    if (head.stored) --stored_;
    finished_.emplace_back(std::move(head), fate);
    account->second.queue.pop_front();
    account->second.failing = false;
    if (account->second.queue.empty())
        accounts_.erase(account);
    else
        schedule(account, now);
}

void EndpointQueue::note_success(SteadyTime now) {
    const bool was_failing = is_failing();
    failures_ = 0;
    if (!was_failing) return;
    // It takes messages again: nothing needs to wait any longer.
    waiting_.clear();
    for (auto account = accounts_.begin(); account != accounts_.end(); ++account)
        if (!account->second.under_way) schedule(account, now);
}

void EndpointQueue::note_failure(SteadyTime now) {
    ++failures_;
    if (is_failing()) open_at_ = now + pause_after(failures_ - limits_.failures_in_row + 1);
}

// Half of it is left to chance, so that what failed together is not tried together.
milliseconds EndpointQueue::pause_after(int attempts) {
    milliseconds pause = limits_.pause_min;
    for (int doubled = 1; doubled < attempts && pause < limits_.pause_max; ++doubled) pause *= 2;
    const auto half = std::max<std::int64_t>(std::min(pause, limits_.pause_max).count() / 2, 1);
    return milliseconds(half + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(half))));
}

void EndpointQueue::settle(const Delivery& delivery) {
    if (!delivery.lane) return;
    Lane& lane = lanes_.at(static_cast<std::size_t>(*delivery.lane));
    const auto tracked = std::ranges::lower_bound(lane.unsettled, delivery.place, {}, &Lane::Tracked::place);
    if (tracked == lane.unsettled.end() || tracked->place != delivery.place) return;
    tracked->settled = true;
    for (; !lane.unsettled.empty() && lane.unsettled.front().settled; lane.unsettled.pop_front())
        lane.settled = lane.unsettled.front().place;
}

std::size_t EndpointQueue::append_changes(const Uuid& webhook_id, std::int64_t epoch, std::size_t rows_max,
                                          std::string& rows) {
    std::size_t appended = 0;
    const auto append = [&](Delivery& delivery, Fate fate) {
        if (!rows.empty()) rows.push_back(',');
        append_row(delivery, fate, webhook_id, epoch, rows);
        delivery.appended = true;
        ++appended;
    };
    finished_appended_ = std::min(finished_.size(), rows_max);
    for (std::size_t n = 0; n < finished_appended_; ++n) append(finished_[n].first, finished_[n].second);
    for (auto& [key, account] : accounts_) {
        if (!account.failing) continue;
        for (Delivery& each : account.queue) {
            if (appended >= rows_max) return appended;
            if (!each.stored || each.changed) append(each, Fate::pending);
        }
    }
    return appended;
}

void EndpointQueue::note_stored() {
    finished_.erase(finished_.begin(), finished_.begin() + static_cast<std::ptrdiff_t>(finished_appended_));
    finished_appended_ = 0;
    for (auto& [key, account] : accounts_)
        for (Delivery& each : account.queue) {
            if (!std::exchange(each.appended, false)) continue;
            if (!std::exchange(each.stored, true)) ++stored_;
            each.changed = false;
            settle(each);
            const bool is_sent = account.under_way && &each == &account.queue.front();
            if (!is_sent) unload(each);
        }
}

feed::FeedPosition EndpointQueue::settled() const {
    feed::FeedPosition position;
    for (int number = 0; number < lane_count; ++number) {
        const Lane& lane = lanes_.at(static_cast<std::size_t>(number));
        position.advance(number, lane.unsettled.empty() ? read_.at(number) : lane.settled);
    }
    return position;
}

std::optional<WallTime> EndpointQueue::oldest() const {
    std::optional<WallTime> oldest;
    for (const auto& [key, account] : accounts_) {
        const WallTime time = account.queue.front().time();
        if (!oldest || time < *oldest) oldest = time;
    }
    return oldest;
}

}  // namespace ledgerline::notify
