// Agenda: the order in which the places of several lanes can be decided.
//
// A transaction has a place in the lane of every account that it touches. It can be decided when it is next in all of
// them, and then all of them move past it together. The agenda finds such transactions one after the other, in an order
// that each lane's order is part of. Where none is left, the places that remain wait for others that it does not know:
// they are in lanes that were not read, or further on in lanes that were.
//
//     Agenda agenda(places);
//     while (const auto rows = agenda.next(); !rows.empty()) decide(rows);
//     for (const std::size_t row : agenda.waiting()) ...
//
// Not thread-safe. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/uuid.h"

namespace ledgerline::apply {

class Agenda {
public:
    struct Place {
        int lane = 0;
        std::int64_t seq = 0;
        Uuid event_id;   // the same at all places of a transaction
        int places = 1;  // how many there are
    };

    // places: by lane and ascending seq without gaps, each lane from its next place on. It must outlive the agenda,
    // whose rows are positions in it.
    explicit Agenda(std::span<const Place> places);

    // The places of the next transaction that can be decided, by lane and seq; empty when there is none. It counts as
    // decided. Valid until the next call.
    std::span<const std::size_t> next();

    // The first remaining place of each lane that has one.
    std::vector<std::size_t> waiting() const;

private:
    struct Window {
        std::size_t next = 0;     // the lane's next place
        std::size_t exposed = 0;  // the first one that has not been exposed
        std::size_t end = 0;
    };

    void expose(Window& window);

    std::span<const Place> places_;
    std::vector<Window> windows_;  // by lane
    std::unordered_map<int, std::size_t> windows_of_lanes_;
    // Of transactions that are next in some of their lanes: these places.
    std::unordered_map<Uuid, std::vector<std::size_t>> exposed_;
    std::deque<Uuid> ready_;
    std::vector<std::size_t> decided_;  // what next() returned
};

}  // namespace ledgerline::apply
