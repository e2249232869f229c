#include "roles/descriptors.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "http/server/listener.h"

namespace ledgerline::roles {

std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return static_cast<std::size_t>(setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before);
}

Result<std::size_t> connections_below(std::size_t limit, std::size_t asked) {
    constexpr std::size_t taken = descriptors_reserved + http::Listener::connections_beyond_max;
    if (limit < taken + std::min(asked, connections_least))
        return failure(Disposition::stop, "too_few_descriptors",
                       fmt::format("this process may open {} files at once and needs at least {}: raise its limit "
                                   "(ulimit -n, LimitNOFILE=, --ulimit nofile)",
                                   limit, taken + connections_least));
    return std::min(asked, limit - taken);
}

}  // namespace ledgerline::roles
