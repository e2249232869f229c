// Suggestions for mistyped words.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ledgerline::cli {

// How many single letters must be inserted, removed, replaced or swapped with their neighbour to turn a into b (each
// stretch edited once).
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that was most likely meant: the nearest one within a third of the typed word's length (at least one
// edit), or else the only one that the typed word begins. Nothing when none is near enough.
std::optional<std::string> closest(std::string_view typed, std::span<const std::string> candidates);

}  // namespace ledgerline::cli
