#include "cli/suggest.h"

#include <algorithm>
#include <vector>

namespace ledgerline::cli {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows of the table are enough: a swap refers to the row two back.
    std::vector<std::size_t> two_back, previous(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({replaced, previous[j] + 1, current[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = std::min(current[j], two_back[j - 2] + 1);
        }
        two_back = previous;
        std::swap(previous, current);
    }
    return previous[b.size()];
}

std::optional<std::string> closest(std::string_view typed, std::span<const std::string> candidates) {
    const std::string* best = nullptr;
    std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(typed, candidate);
        if (distance < best_distance) best = &candidate, best_distance = distance;
    }
    if (best) return *best;

    const auto begins = [&](const std::string& candidate) { return candidate.starts_with(typed); };
    if (typed.empty() || std::count_if(candidates.begin(), candidates.end(), begins) != 1) return std::nullopt;
    return *std::find_if(candidates.begin(), candidates.end(), begins);
}

}  // namespace ledgerline::cli
