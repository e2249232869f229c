// Suggestions for mistyped words.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ledgerline::cli {

// The number of letters to insert, remove, replace or swap with a neighbour to turn a into b (no part is edited twice).
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that was most likely meant: the nearest one within a third of the typed word's length (at least one
// edit), or else the only one that starts with the typed word. Empty when none is near enough.
std::optional<std::string> closest(std::string_view typed, std::span<const std::string> candidates);

}  // namespace ledgerline::cli
