#include "apply/agenda.h"

#include <algorithm>
#include <utility>

namespace ledgerline::apply {

Agenda::Agenda(std::span<const Place> places) : places_(places) {
    for (std::size_t row = 0; row < places.size(); ++row) {
        const auto [known, is_new] = windows_of_lanes_.try_emplace(places[row].lane, windows_.size());
        if (is_new) windows_.push_back({row, row, row});
        windows_[known->second].end = row + 1;
    }
    for (Window& window : windows_) expose(window);
}

// Exposes the lane's next place, and those behind it that belong to the same transaction.
void Agenda::expose(Window& window) {
    while (window.exposed < window.end &&
           (window.exposed == window.next || places_[window.exposed].event_id == places_[window.next].event_id)) {
        const Place& place = places_[window.exposed];
        std::vector<std::size_t>& rows = exposed_[place.event_id];
        rows.push_back(window.exposed++);
        if (rows.size() == static_cast<std::size_t>(place.places)) ready_.push_back(place.event_id);
    }
}

std::span<const std::size_t> Agenda::next() {
    if (ready_.empty()) return {};
    const auto ready = exposed_.find(ready_.front());
    ready_.pop_front();
    decided_ = std::move(ready->second);
    exposed_.erase(ready);
    std::ranges::sort(decided_);
    for (const std::size_t row : decided_) {
        Window& window = windows_[windows_of_lanes_.at(places_[row].lane)];
        ++window.next;
        if (window.next == window.exposed) expose(window);
    }
    return decided_;
}

std::vector<std::size_t> Agenda::waiting() const {
    std::vector<std::size_t> rows;
    for (const Window& window : windows_)
        if (window.next < window.end) rows.push_back(window.next);
    return rows;
}

}  // namespace ledgerline::apply
