// NotifyStore: what a notifier reads from and writes to the database. Each call is one transaction; what names a lease
// does nothing once that is another's. Not thread-safe: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "db/session.h"
#include "feed/window.h"
#include "notify/delivery.h"

namespace ledgerline::notify {

// An endpoint that this notifier sends to.
struct Endpoint {
    Uuid id;
    std::int64_t epoch = 0;  // of the lease
    std::string url;
    std::vector<std::string> events;  // the types that it wants; empty: all
    std::vector<Uuid> account_ids;    // whose events it wants; empty: all of its tenant
    std::vector<std::string> secrets;
    int tenant = default_tenant;

    // What the feed is asked for. More may be told than it wants.
    feed::FeedFilter filter() const { return {.tenant = tenant}; }
    bool wants(const feed::Outcome& outcome) const;
};

struct Leases {
    std::vector<Endpoint> endpoints;
    std::int64_t failing = 0;  // endpoints of all that were disabled because they failed
};

// Where an endpoint's deliveries go on.
struct Standing {
    feed::FeedPosition position;
    std::vector<Delivery> pending;  // in the order of the lanes
};

struct Settled {
    Uuid webhook_id;
    std::int64_t epoch = 0;
    feed::FeedPosition position;
};

// Why an endpoint is disabled, as in the table.
enum class DisableReason { gone, failing };

// Whether a session can do what a notifier does; changes nothing.
Result<void> can_notify(db::Connection& connection);

class NotifyStore {
public:
    // Connects on first use. Its commits are asynchronous, whatever config says: what is lost in a crash is sent twice.
    NotifyStore(db::ConnectionConfig config, Metrics& metrics);

    // Records that the owner is alive for term more, takes its share of the endpoints, and gives up what exceeds it.
    Result<Leases> renew(const std::string& owner, milliseconds term);
    // Nothing when the lease is another's.
    Result<std::optional<Standing>> standing(const Endpoint& endpoint, const std::string& owner);
    // What was asked for, of these endpoints.
    Result<std::vector<std::pair<Uuid, Delivery>>> requested(const std::vector<Uuid>& webhook_ids);
    // What the endpoint may want.
    Result<feed::FeedWindow> read(const Endpoint& endpoint, const feed::FeedPosition& from, std::size_t rows_max);
    // The events at these places, in any order; perhaps not all, when they are large.
    Result<std::vector<std::shared_ptr<const feed::Outcome>>> read_places(
        std::span<const std::pair<int, feed::FeedPlace>> places);
    // rows: what append_row() wrote, with commas between.
    Result<void> note(const std::string& owner, const std::vector<Settled>& settled, const std::string& rows);
    // Disables the endpoint, and tells the others of its tenant of it by an event of that id and body.
    struct Notice {
        Uuid audit_id;
        std::string event_id, body;
        std::vector<Uuid> delivery_ids;  // one for each endpoint that may be told
    };
    Result<void> disable(const std::string& owner, const Endpoint& endpoint, DisableReason reason,
                         const Notice& notice);
    Result<void> prune(const std::vector<Uuid>& webhook_ids);
    // Gives up all endpoints; others can take them at once.
    Result<void> release(const std::string& owner);

private:
    db::Session session_;
};

std::string_view name_of(DisableReason reason);

}  // namespace ledgerline::notify
