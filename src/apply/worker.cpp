#include "apply/worker.h"

#include <algorithm>
#include <iterator>

#include "db/sqlstate.h"

namespace ledgerline::apply {
namespace {

constexpr char kNotProven[] = "not_proven";
constexpr char kNotProvenReason[] = "no known event has this lane, seq and event_id";
// Code of a halted lane.
constexpr char kNotRecognized[] = "not_recognized";

bool is_unrecognised(const Lane& lane) { return lane.halt() && lane.halt()->code == kNotRecognized; }

}  // namespace

Worker::Worker(const WorkerConfig& config, bus::Consumer& consumer, LedgerStore& store, OnOutcome on_outcome,
               const ProcessContext& context)
    : config_(config),
      consumer_(consumer),
      store_(store),
      clock_(context.clock),
      random_(context.random),
      ids_(context.ids),
      on_outcome_(std::move(on_outcome)),
      probe_(config_.messaging, context.clock, context.metrics, context.tracer),
      outage_backoff_(config.backoff, context.random) {}

Result<milliseconds> Worker::step() {
    const SteadyTime now = clock_.steady_now();
    if (now < paused_until_) return std::chrono::ceil<milliseconds>(paused_until_ - now);
    const auto done = round();
    if (done) {
        outage_backoff_.reset();
        probe_.well();
        return milliseconds(0);
    }
    if (done.error().disposition == Disposition::stop) return std::unexpected(done.error());
    // The next session may be to a server that lost the newest decisions: where the lanes stand is read again.
    if (db::is_session_useless(done.error().code)) lanes_loaded_ = false;

    const milliseconds delay = outage_backoff_.next();
    paused_until_ = clock_.steady_now() + delay;
    probe_.paused(done.error(), delay);
    return delay;
}

// Polled messages are kept in inbox_, the pending runs, doubtful_ and foreign_, so that a failure anywhere below loses
// nothing: the next round continues where this one stopped.
Result<void> Worker::round() {
    LEDGERLINE_CHECK(load_lanes(true));
    if (inbox_.empty() && doubtful_.empty() && foreign_.empty()) LEDGERLINE_CHECK(poll());
    LEDGERLINE_CHECK(load_lanes(false));
    for (bus::Incoming& incoming : std::exchange(inbox_, {})) sort(std::move(incoming));
    LEDGERLINE_CHECK(settle_doubtful());
    LEDGERLINE_CHECK(write_foreign());
    LEDGERLINE_CHECK(apply_lanes());
    LEDGERLINE_CHECK(check_tails());
    LEDGERLINE_CHECK(record_halts());
    commit_offsets();
    return {};
}

// Tails are read before a poll and compared after it: only what was published before the poll must be in its result.
Result<void> Worker::load_lanes(bool may_check_tails) {
    const SteadyTime now = clock_.steady_now();
    const bool check_tails = may_check_tails && now >= tail_check_due_;
    if (lanes_.empty() || (lanes_loaded_ && !check_tails)) return {};
    std::vector<int> ids;
    for (const auto& [id, lane] : lanes_) ids.push_back(id);
    LEDGERLINE_TRY(const auto states, store_.load(ids));
    for (const LaneState& state : states) {
        lanes_.at(state.lane).load(state);
        probe_.loaded(state);
        if (check_tails) tails_[state.lane] = state.published_seq;
    }
    if (check_tails) {
        tail_check_due_ = now + config_.tail_check_interval;
        // Hand offsets over again from time to time: a commit may have been lost, and a bus may keep whatever is not
        // committed until it is full.
        committed_.clear();
    }
    lanes_loaded_ = true;
    return {};
}

Result<void> Worker::poll() {
    milliseconds wait = config_.poll_wait;
    for (const auto& [id, lane] : lanes_) {
        if (lane.pending().empty()) continue;
        const auto left = std::chrono::ceil<milliseconds>(lane.paused_until() - clock_.steady_now());
        wait = std::clamp(left, milliseconds(0), wait);
    }
    LEDGERLINE_TRY(bus::Polled polled, consumer_.poll(wait, room()));
    if (last_polled_ >= config_.gathering.busy_messages_min) gather(polled);
    last_polled_ = polled.messages.size();
    for (const int partition : polled.revoked) {
        if (lanes_.erase(partition) > 0) probe_.revoked(partition);
        committed_.erase(partition);
        tails_.erase(partition);
    }
    for (const int partition : polled.assigned) {
        lanes_.try_emplace(partition, partition, Backoff(config_.backoff, random_));
        lanes_loaded_ = false;
        tail_check_due_ = {};
        tails_.clear();
    }
    inbox_ = std::move(polled.messages);
    ended_ = std::move(polled.ended);
    return {};
}

// Adds to what was polled. A change of the assignment ends it: it concerns what was polled before. An error ends it,
// too, and comes again with the next poll.
void Worker::gather(bus::Polled& polled) {
    const Gathering& gathering = config_.gathering;
    const std::size_t enough = std::min(gathering.messages_enough, room());
    const SteadyTime until = clock_.steady_now() + gathering.max;
    while (!polled.messages.empty() && polled.messages.size() < enough && polled.assigned.empty() &&
           polled.revoked.empty() && clock_.steady_now() < until) {
        auto more = consumer_.poll(gathering.step, enough - polled.messages.size());
        if (!more) return;
        const bool grew = !more->messages.empty();
        std::ranges::move(more->messages, std::back_inserter(polled.messages));
        polled.ended = std::move(more->ended);
        polled.assigned = std::move(more->assigned);
        polled.revoked = std::move(more->revoked);
        if (!grew) return;
    }
}

// How many messages a poll may return: as many as the fullest lane that is not paused has room for, so that nothing is
// dropped and asked for again; but always some, or one slow lane would starve the others.
std::size_t Worker::room() const {
    constexpr std::size_t kMessagesMin = 100;
    std::size_t room = config_.messages_max;
    for (const auto& [id, lane] : lanes_)
        if (!lane.paused(clock_.steady_now())) room = std::min(room, lane.room());
    return std::max(room, std::min(kMessagesMin, config_.messages_max));
}

void Worker::sort(bus::Incoming incoming) {
    const auto lane = lanes_.find(incoming.partition);
    if (lane == lanes_.end()) return;  // revoked meanwhile: the new owner gets it
    lane->second.saw(incoming.offset);
    const auto announcement = decode(incoming.message);
    if (!announcement)
        return add_foreign(lane->first, std::move(incoming), announcement.error().code, announcement.error().message);
    if (announcement->lane != incoming.partition)
        return add_foreign(announcement->lane, std::move(incoming), "wrong_partition",
                           "the message claims lane " + std::to_string(announcement->lane));
    if (!lane->second.loaded())
        return add_foreign(lane->first, std::move(incoming), "wrong_partition", "the partition belongs to no lane");
    switch (lane->second.take(*announcement, incoming)) {
        case Lane::Claim::next:
            break;
        case Lane::Claim::duplicate:
            probe_.duplicate();
            break;
        case Lane::Claim::overflow:
            probe_.gap();
            lane->second.note_gap();
            break;
        case Lane::Claim::beyond:
            doubtful_[lane->first].push_back({*announcement, std::move(incoming)});
            break;
    }
}

void Worker::add_foreign(int lane_id, bus::Incoming incoming, std::string code, std::string message) {
    probe_.foreign();
    const auto lane = lanes_.find(lane_id);
    if (lane != lanes_.end() && lane->second.loaded() &&
        !lane->second.watch().keep_foreign(lane->second.state().applied_seq, incoming.message, code + ": " + message))
        return;
    foreign_.push_back({ids_.next(), std::move(incoming), std::move(code), std::move(message)});
}

Result<void> Worker::settle_doubtful() {
    while (!doubtful_.empty()) {
        const auto [id, messages] = *doubtful_.begin();
        std::vector<EventRef> refs;
        for (const Doubtful& doubtful : messages)
            refs.push_back({doubtful.announcement.seq, doubtful.announcement.event_id});
        LEDGERLINE_TRY(const auto proven, store_.prove(id, refs));
        for (std::size_t i = 0; i < refs.size(); ++i) {
            if (!proven[i]) {
                add_foreign(id, messages[i].incoming, kNotProven, kNotProvenReason);
                continue;
            }
            probe_.gap();
            if (const auto lane = lanes_.find(id); lane != lanes_.end()) lane->second.note_gap();
        }
        doubtful_.erase(id);
    }
    return {};
}

// A forged message is in a real event's place. Everything before it is kept; it and what follows are removed, and the
// real event is requested again.
Result<void> Worker::drop_unproven(Lane& lane, std::span<const EventRef> refs) {
    LEDGERLINE_TRY(const auto proven, store_.prove(lane.id(), refs));
    const auto first = std::find(proven.begin(), proven.end(), false);
    if (first == proven.end()) return reload(lane);
    const auto index = static_cast<std::size_t>(first - proven.begin());
    for (std::size_t i = index; i < lane.pending().size(); ++i) {
        const Lane::Pending& pending = lane.pending()[i];
        if (i < proven.size() && !proven[i]) add_foreign(lane.id(), pending.incoming, kNotProven, kNotProvenReason);
    }
    lane.cut(index);
    lane.note_gap();
    return write_foreign();
}

Result<void> Worker::reload(Lane& lane) {
    const int id = lane.id();
    LEDGERLINE_TRY(const auto states, store_.load(std::span(&id, 1)));
    if (states.size() != 1)
        return failure(Disposition::retry, "lane_missing", "the database returned no row for an existing lane");
    lane.load(states.front());
    return {};
}

// Whether the lane halts now because its event has come too often as a message that cannot be recognised.
bool Worker::came_unrecognised(Lane& lane) {
    const int deliveries = lane.watch().missed(lane.state().applied_seq);
    if (deliveries < HeadWatch::deliveries_max || is_unrecognised(lane)) return false;
    lane.halt_at_head(kNotRecognized,
                      "the bus delivers the event as a foreign message (" + lane.watch().reason() + ")");
    return true;
}

// How long another rewind would be pointless.
milliseconds Worker::rewind_pause(Lane& lane) const {
    if (is_unrecognised(lane)) return config_.halted_retry_interval;
    const int fruitless = lane.watch().misses() - config_.rewinds_at_once_max;
    if (fruitless <= 0) return milliseconds(0);
    return std::min(config_.halted_retry_interval, config_.tail_check_interval * (1 << std::min(fruitless, 10)));
}

Result<void> Worker::ask_rewind(Lane& lane, const char* why) {
    const SteadyTime now = clock_.steady_now();
    if (lane.rests(now)) return {};
    const bool halts_now = came_unrecognised(lane);
    lane.rest_until(now + rewind_pause(lane));
    if (halts_now) return {};
    Span span = probe_.begin_rewind(lane, why);
    const TraceScope scope(span.context());
    LEDGERLINE_TRY(const bool rewound, store_.rewind(lane.id(), lane.state().applied_seq));
    tails_.erase(lane.id());  // the missing events are on their way
    probe_.rewound(lane, why, rewound, span);
    return {};
}

// A bus need not report the end of a quiet partition at every poll, so a lane's tail is kept until the next report.
Result<void> Worker::check_tails() {
    for (const int id : std::exchange(ended_, {})) {
        const auto tail = tails_.find(id);
        if (tail == tails_.end()) continue;
        const std::int64_t published_seq = tail->second;
        tails_.erase(tail);
        const auto lane = lanes_.find(id);
        if (lane == lanes_.end() || !lane->second.pending().empty() ||
            lane->second.state().applied_seq >= published_seq)
            continue;
        LEDGERLINE_CHECK(ask_rewind(lane->second, "silence"));
    }
    return {};
}

void Worker::commit_offsets() {
    for (const auto& [id, lane] : lanes_) {
        const auto offset = lane.committable_offset();
        if (!offset) continue;
        const auto [last, is_new] = committed_.try_emplace(id, *offset);
        if (!is_new && last->second == *offset) continue;
        last->second = *offset;
        consumer_.commit(id, *offset);
    }
}

Result<void> Worker::record_halts() {
    for (auto& [id, lane] : lanes_) {
        if (!lane.halt_changed()) continue;
        const std::optional<LaneHalt> halt = lane.halt();
        LEDGERLINE_TRY(const bool changed, halt ? store_.halt(id, *halt) : store_.clear_halt(id));
        if (halt && !changed) {
            LEDGERLINE_CHECK(reload(lane));  // the cursor has been moved
            continue;
        }
        lane.halt_recorded();
        if (halt)
            probe_.halted(id, *halt);
        else
            probe_.continues(lane, changed);
    }
    return {};
}

}  // namespace ledgerline::apply
