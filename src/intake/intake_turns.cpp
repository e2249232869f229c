// How IntakeQueue fills a batch: the lines' parts, and the turns of the requests in a line.
#include <algorithm>
#include <utility>

#include "intake/intake_queue.h"

namespace ledgerline::intake {

std::optional<IntakeQueue::Batch> IntakeQueue::take(Size max) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !round_.empty() || refusal_; });
    if (round_.empty()) return std::nullopt;

    Batch batch;
    batch.deadline = SteadyTime::min();
    batch.first_deadline = SteadyTime::max();
    const std::vector<Line*> lines(round_.begin(), round_.end());
    Making making{batch, max, {max.rows / lines.size(), max.bytes / lines.size()}, lines.size() == 1};
    const auto part_bytes = static_cast<std::int64_t>(std::max<std::size_t>(making.part.bytes, 1));
    for (Line* line : lines) {
        line->waited = line->size.rows;
        line->taken_fresh = {};
        line->earlier = line->begun.size();
        if (making.alone) line->credit = 0;
    }
    while (!round_.empty() && making.taken.rows < max.rows && making.has_room) {
        Line& line = *round_.front();
        line.credit = std::min<std::int64_t>(line.credit, 0) + part_bytes;
        take_from(line, making);
        if (!making.has_room) break;
        round_.pop_front();
        if (!line.empty()) round_.push_back(&line);
    }
    for (const Line* line : lines)
        if (const std::size_t rows = line->waited - line->size.rows; rows > 0)
            batch.parts.push_back({line->tenant, rows, line->empty()});
    return batch;
}

// As much as the line may take now.
void IntakeQueue::take_from(Line& line, Making& making) {
    while (!line.empty() && making.has_room && making.taken.rows < making.max.rows &&
           (making.alone || line.credit > 0)) {
        const Size& fresh = line.taken_fresh;
        const bool fresh_had_half = 2 * fresh.rows >= making.part.rows || 2 * fresh.bytes >= making.part.bytes;
        take_turn(line, line.fresh.empty() || (fresh_had_half && line.earlier > 0), making);
    }
}

void IntakeQueue::take_turn(Line& line, bool begun_turn, Making& making) {
    auto& requests = begun_turn ? line.begun : line.fresh;
    const auto request = requests.front();
    const Size before = making.taken;
    take_rows(*request, making);
    const Size turn{making.taken.rows - before.rows, making.taken.bytes - before.bytes};
    if (turn.rows > 0) making.batch.slices.push_back({request, request->taken - turn.rows, turn.rows});
    subtract(line, turn);
    if (begun_turn) {
        line.earlier -= line.earlier > 0;
    } else {
        line.taken_fresh.rows += turn.rows;
        line.taken_fresh.bytes += turn.bytes;
    }
    const bool done = request->taken == request->items.size();
    if (!done && !making.has_room) return;
    requests.pop_front();
    if (!done) line.begun.push_back(request);
}

// Takes one turn's rows, whole chains: a follower goes with the row before it, whatever the limits.
void IntakeQueue::take_rows(Request& request, Making& making) {
    Size turn;
    const std::size_t row_bytes_min = making.max.bytes / making.max.rows;
    while (request.taken < request.items.size()) {
        IntakeItem& item = request.items[request.taken];
        const std::size_t bytes = item.bytes();
        if (!item.follows && !may_take(*request.line, bytes, turn, making)) break;
        for (Size* size : {&turn, &making.taken}) ++size->rows, size->bytes += bytes;
        request.line->credit -= static_cast<std::int64_t>(std::max(bytes, row_bytes_min));
        making.batch.items.push_back(std::move(item));
        ++request.taken;
    }
    if (turn.rows == 0) return;
    Batch& batch = making.batch;
    batch.deadline = std::max(batch.deadline, request.deadline);
    batch.first_deadline = std::min(batch.first_deadline, request.deadline);
}

bool IntakeQueue::may_take(const Line& line, std::size_t bytes, Size turn, Making& making) const {
    const Size& taken = making.taken;
    if (taken.rows >= making.max.rows || turn.rows >= turn_.rows || turn.bytes >= turn_.bytes) return false;
    if (!making.alone && line.credit <= 0) return false;
    making.has_room = taken.rows == 0 || taken.bytes + bytes <= making.max.bytes;
    return making.has_room;
}

}  // namespace ledgerline::intake
