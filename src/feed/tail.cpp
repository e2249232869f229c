#include "feed/tail.h"

#include <algorithm>
#include <utility>

#include "db/sqlstate.h"
#include "observe/exceptions.h"
#include "observe/log.h"

namespace ledgerline::feed {
namespace {

// How long the thread sleeps when nobody waits: the first one wakes it.
constexpr milliseconds kUntilWoken{60'000};

std::size_t weight_of(const Outcome& outcome) { return sizeof(Outcome) + outcome.id.size() + outcome.data.size(); }

std::size_t weight_of(const FeedWindow& window) {
    std::size_t bytes = 0;
    for (const auto& outcome : window.outcomes) bytes += weight_of(*outcome);
    return bytes;
}

// Whether a position is after the other in a lane that matters to the filter.
bool goes_beyond(const FeedPosition& position, const FeedPosition& other, const FeedFilter& filter) {
    for (int lane = 0; lane < lane_count; ++lane)
        if (filter.concerns(lane) && other.at(lane) < position.at(lane)) return true;
    return false;
}

}  // namespace

FeedTail::FeedTail(FeedStore& store, TailConfig config, const Clock& clock, Metrics& metrics)
    : store_(store),
      config_(config),
      clock_(clock),
      metrics_(metrics),
      idle_(config.idle_min),
      loop_(
          "feed-tail", wakeup_, [this] { return tick(); }, [](const Error&) {}, exception_noter(metrics, "feed-tail")) {
}

void FeedTail::start() { loop_.start(); }

void FeedTail::stop() {
    {
        std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    loop_.stop();
    for (Wait& wait : take_new_waits()) waits_.push_back(std::move(wait));
    for (Wait& wait : std::exchange(waits_, {})) wait.resume(std::move(wait.answer));
}

FeedTail::Seat FeedTail::take_seat() {
    std::lock_guard lock(mutex_);
    if (seats_taken_ == config_.seats) return nullptr;
    metrics_.feed_followers.Set(static_cast<double>(++seats_taken_));
    return {this, [](FeedTail* tail) {
                std::lock_guard guard(tail->mutex_);
                tail->metrics_.feed_followers.Set(static_cast<double>(--tail->seats_taken_));
            }};
}

boost::asio::awaitable<Tailed> FeedTail::next(FeedPosition from, FeedFilter filter, std::size_t rows_max,
                                              SteadyTime deadline) {
    co_return co_await suspend_for<Tailed>(
        [&](Resume<Tailed> resume) { follow(from, filter, rows_max, deadline, std::move(resume)); });
}

void FeedTail::follow(const FeedPosition& from, const FeedFilter& filter, std::size_t rows_max, SteadyTime deadline,
                      Resume<Tailed> resume) {
    Wait wait{.filter = filter, .rows_max = rows_max, .deadline = deadline, .resume = std::move(resume)};
    wait.answer.position = from;
    {
        std::lock_guard lock(mutex_);
        if (!stopped_) {
            new_waits_.push_back(std::move(wait));
            return wakeup_.notify();
        }
    }
    wait.resume(std::move(wait.answer));
}

std::vector<FeedTail::Wait> FeedTail::take_new_waits() {
    std::lock_guard lock(mutex_);
    return std::exchange(new_waits_, {});
}

Result<milliseconds> FeedTail::tick() {
    const SteadyTime now = clock_.steady_now();
    std::vector<Wait> newcomers = take_new_waits();
    if (waits_.empty() && newcomers.empty()) return kUntilWoken;
    if (waits_.empty() && now - read_at_ > config_.forget_after) forget();
    // Whoever waits for a tail that begins anew may be behind it.
    if (!warm_) std::ranges::move(std::exchange(waits_, {}), std::back_inserter(newcomers));
    if (now >= next_read_at_ && !read(now)) next_read_at_ = now + config_.idle_max;
    seat(std::move(newcomers));
    answer_finished(now);
    return sleep_for(now);
}

void FeedTail::forget() {
    warm_ = false;
    kept_.clear();
    kept_count_ = 0;
    kept_bytes_ = 0;
}

// Reads what follows the tail's end. Returns whether it could.
bool FeedTail::read(SteadyTime now) {
    auto window = read_window();
    if (!window) {
        if (!std::exchange(failing_, true))
            log::warn("cannot read outcomes", {{"code", window.error().code}, {"reason", window.error().message}});
        // The next session may be to a server that lost the newest decisions.
        if (window.error().code == cursor_ahead || db::is_session_useless(window.error().code)) forget();
        return false;
    }
    failing_ = false;
    read_at_ = now;
    const auto took = std::chrono::duration_cast<milliseconds>((clock_.steady_now() - now) * config_.gap_factor);
    const milliseconds gap = window->more ? milliseconds(0) : std::clamp(took, config_.gap, config_.gap_max);
    next_read_at_ = now + gap;
    idle_ = window->outcomes.empty() ? std::clamp(idle_ * 2, config_.idle_min, config_.idle_max) : gap;
    end_ = window->position;
    for (const auto& outcome : window->outcomes)
        for (Wait& wait : waits_) offer(wait, outcome);
    keep(*std::move(window));
    return true;
}

Result<FeedWindow> FeedTail::read_window() {
    if (!warm_) {
        LEDGERLINE_TRY(end_, store_.ends());
        begin_ = end_;
        warm_ = true;
    }
    return store_.read(end_, config_.window);
}

void FeedTail::keep(FeedWindow window) {
    if (window.outcomes.empty()) return;
    kept_count_ += window.outcomes.size();
    kept_bytes_ += weight_of(window);
    kept_.push_back(std::move(window));
    while (kept_count_ > config_.kept_max || kept_bytes_ > config_.kept_bytes_max) {
        const FeedWindow& oldest = kept_.front();
        begin_.advance(oldest.position);
        kept_count_ -= oldest.outcomes.size();
        kept_bytes_ -= weight_of(oldest);
        kept_.pop_front();
    }
}

void FeedTail::offer_kept(Wait& wait) const {
    const auto was_told = [&](const FeedWindow& window) {
        return !goes_beyond(window.position, wait.answer.position, wait.filter);
    };
    // The ends of windows never go back.
    const auto begin = std::ranges::partition_point(kept_, was_told);
    for (const FeedWindow& window : std::ranges::subrange(begin, kept_.end())) {
        if (wait.full) return;
        for (const auto& outcome : window.outcomes) offer(wait, outcome);
    }
}

void FeedTail::offer(Wait& wait, const std::shared_ptr<const Outcome>& outcome) const {
    const int lane = outcome->lane;
    if (wait.full || !wait.filter.concerns(lane) || outcome->place <= wait.answer.position.at(lane)) return;
    wait.answer.position.advance(lane, outcome->place);
    if (!wait.filter.matches(*outcome)) return;
    wait.bytes += weight_of(*outcome);
    wait.answer.outcomes.push_back(outcome);
    wait.full = wait.answer.outcomes.size() == wait.rows_max || wait.bytes >= limits::page_bytes_max;
}

bool FeedTail::is_behind(const Wait& wait) const { return goes_beyond(begin_, wait.answer.position, wait.filter); }

void FeedTail::seat(std::vector<Wait> newcomers) {
    for (Wait& wait : newcomers) {
        if (warm_ && is_behind(wait)) {
            wait.answer.kind = Tailed::Kind::behind;
            wait.resume(std::move(wait.answer));
            continue;
        }
        offer_kept(wait);
        waits_.push_back(std::move(wait));
    }
}

void FeedTail::answer_finished(SteadyTime now) {
    const auto is_over = [now](const Wait& wait) { return !wait.answer.outcomes.empty() || wait.deadline <= now; };
    const auto over = std::partition(waits_.begin(), waits_.end(), std::not_fn(is_over));
    std::vector<Wait> finished(std::make_move_iterator(over), std::make_move_iterator(waits_.end()));
    waits_.erase(over, waits_.end());
    for (Wait& wait : finished) {
        Tailed& answer = wait.answer;
        answer.kind = answer.outcomes.empty() ? Tailed::Kind::nothing : Tailed::Kind::told;
        for (int lane = 0; lane < lane_count && warm_ && !wait.full; ++lane)
            if (wait.filter.concerns(lane)) answer.position.advance(lane, end_.at(lane));
        wait.resume(std::move(answer));
    }
}

milliseconds FeedTail::sleep_for(SteadyTime now) const {
    if (waits_.empty()) return kUntilWoken;
    SteadyTime until = std::max(now + idle_, next_read_at_);
    for (const Wait& wait : waits_) until = std::min(until, wait.deadline);
    return std::max(std::chrono::ceil<milliseconds>(until - now), milliseconds(0));
}

}  // namespace ledgerline::feed
