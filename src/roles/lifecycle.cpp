#include "roles/lifecycle.h"

#include <ranges>

#include "roles/role.h"

namespace ledgerline::roles {

Result<void> run_services(RoleProcess& process, Server& server, const std::vector<Service*>& services,
                          const std::function<void()>& drain) {
    for (Service* service : services) service->start();
    process.announce_ready(server.scheme(), server.port());
    const auto fatal = process.wait_for_end([&server] { server.set_not_ready(); });

    server.stop_accepting(process.drain_max());
    if (!fatal && drain) drain();
    for (Service* service : services | std::views::reverse) service->stop();
    server.stop();
    if (fatal) return std::unexpected(*fatal);
    return {};
}

}  // namespace ledgerline::roles
