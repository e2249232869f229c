// Webhooks in the database: made, changed, removed, rotated, and their deliveries asked for. Each change of an endpoint
// is in the audit, in the same transaction.
//
// All of it is for the tenant of the caller: what is another's is not there. All of it may run twice: what an earlier
// run did is found, not done again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/header_fields.h"
#include "api/records.h"
#include "api/webhook_requests.h"
#include "base/random.h"
#include "base/result.h"
#include "base/uuid.h"
#include "db/connection.h"

namespace ledgerline::api {

inline constexpr std::int64_t webhooks_max = 50;  // of a tenant
inline constexpr std::int64_t webhooks_of_all_max = 500;
inline constexpr std::int64_t requested_deliveries_max = 100;  // of one endpoint, that were not tried yet

// Who changes an endpoint, for the audit.
struct WebhookAuthor {
    Caller caller;
    Uuid audit_id;  // made before the first try
};

// A record as it is now; nothing when there is none, or with an obstacle, which says why nothing was done.
template <class Record>
struct Changed {
    std::string obstacle;
    std::optional<Record> record;
};
using ChangedWebhook = Changed<WebhookRecord>;
using ChangedDelivery = Changed<DeliveryRecord>;

// The bytes of a new secret.
std::string new_webhook_secret(Random& random);

// Obstacles: url_taken, too_many_webhooks, too_many_webhooks_of_all. It is told of what is decided from now on.
Result<ChangedWebhook> create_webhook(db::Connection& connection, const Uuid& id, const WebhookTerms& terms,
                                      const std::string& secret, const WebhookAuthor& author);
// Obstacles: url_taken.
Result<ChangedWebhook> change_webhook(db::Connection& connection, const Uuid& id, const WebhookTerms& terms,
                                      const WebhookAuthor& author);
// The record is what was removed.
Result<ChangedWebhook> remove_webhook(db::Connection& connection, const Uuid& id, const WebhookAuthor& author);
// Obstacles: rotation_under_way.
Result<ChangedWebhook> rotate_webhook(db::Connection& connection, const Uuid& id, const std::string& secret,
                                      std::chrono::seconds overlap, const WebhookAuthor& author);

// What is sent when an operator asks for it, as a delivery with the id new_id. Obstacles: webhook_disabled,
// too_many_deliveries; to send one again also delivery_pending.
Result<ChangedDelivery> ping_webhook(db::Connection& connection, const Uuid& id, const Uuid& new_id, WallTime now,
                                     const WebhookAuthor& author);
Result<ChangedDelivery> send_delivery_again(db::Connection& connection, const Uuid& id, const Uuid& delivery_id,
                                            const Uuid& new_id, const WebhookAuthor& author);

}  // namespace ledgerline::api
