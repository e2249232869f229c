// How every role runs, from the moment its parts are built until they may be destroyed.
//
//   start   the services in order: first the watchdog, then the stages from the last one to the first, so that whatever
//           a stage hands on is taken at once
//   run     until a signal or a failure; then /readyz turns not ready, and after a signal the role goes on for the
//           shutdown delay
//   stop    1. the server accepts no more work; requests that it has begun may end
//           2. what it accepted is drained; not after a failure
//           3. the services, in reverse order: what feeds a stage stops before it
//           4. the server, which reports the role's state until then
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ledgerline::roles {

class RoleProcess;

// A part of a role that runs from start() to stop(). Both may be called repeatedly; stop() lets the current round end.
class Service {
public:
    virtual ~Service() = default;
    virtual void start() = 0;
    virtual void stop() = 0;
};

// The part that others reach through a port. It has been started before the role runs.
class Server {
public:
    virtual ~Server() = default;
    virtual std::uint16_t port() const = 0;
    virtual std::string_view scheme() const { return "http"; }
    // From now on /readyz answers not ready; everything is served as before.
    virtual void set_not_ready() = 0;
    // Accepts no more work. Requests in progress may take grace to end. Repeatable.
    virtual void stop_accepting(milliseconds grace) = 0;
    // Repeatable.
    virtual void stop() = 0;
};

// Runs the role as described above. Returns the failure that ended it, if one did. drain may be empty.
Result<void> run_services(RoleProcess& process, Server& server, const std::vector<Service*>& services,
                          const std::function<void()>& drain = {});

}  // namespace ledgerline::roles
