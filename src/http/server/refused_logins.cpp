#include "http/server/refused_logins.h"

#include <algorithm>

#include "http/problem.h"

namespace ledgerline::http {

void RefusedLogins::note(const Request& request, std::string_view code, std::string_view key_id) {
    constexpr std::string_view others = "others";
    const std::lock_guard lock(mutex_);
    const auto find = [&](std::string_view peer, std::string_view key) {
        return std::ranges::find_if(refused_, [&](const RefusedLogin& each) {
            return each.peer == peer && each.code == code && each.key_id == key;
        });
    };
    auto found = find(request.peer, key_id);
    const bool crowded = refused_.size() >= kept_max;
    if (found == refused_.end() && crowded) found = find(others, "");
    if (found == refused_.end())
        found =
            refused_.insert(refused_.end(), {.peer = std::string(crowded ? others : std::string_view(request.peer)),
                                             .code = std::string(code),
                                             .key_id = std::string(crowded ? std::string_view() : key_id),
                                             .request_id = request.request_id,
                                             .wanted = request.method + ' ' + echo(request.path, wanted_bytes_max)});
    ++found->count;
}

std::vector<RefusedLogin> RefusedLogins::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(refused_, {});
}

}  // namespace ledgerline::http
