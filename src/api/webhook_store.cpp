#include "api/webhook_store.h"

#include <utility>

#include "base/json_object.h"
#include "feed/window.h"
#include "notify/event_types.h"
#include "notify/signature.h"

namespace ledgerline::api {
namespace {

sql::WebhooksAuditChange audit_of(const Uuid& id, std::string_view action, const WebhookAuthor& author,
                                  const std::optional<std::string>& before) {
    sql::WebhooksAuditChange audit{.webhook = id,
                                   .audit_id = author.audit_id,
                                   .action = action,
                                   .key_id = author.caller.key_id,
                                   .operator_name = author.caller.operator_name,
                                   .peer = author.caller.peer,
                                   .request_id = author.caller.request_id,
                                   .before = {},
                                   .tenant = author.caller.tenant};
    if (before) audit.before = *before;
    return audit;
}

// Commits what was done, or makes what an earlier run did as durable, and gives the row that `read` then finds.
template <class Read>
Result<std::optional<typename Read::Row>> commit_and_read(db::Connection& connection, const db::Call& first,
                                                          const Read& read) {
    LEDGERLINE_TRY(const auto results, connection.commit_pipeline({first, read, {db::commit, {}}}));
    auto rows = db::rows_of<Read>(results[1]);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

// What a statement says that gives {obstacle, made}, after the endpoints are locked.
template <class Query>
Result<ChangedWebhook> change(db::Connection& connection, const Uuid& id, const Query& query, std::string_view action,
                              const WebhookAuthor& author) {
    const int tenant = author.caller.tenant;
    LEDGERLINE_TRY(const auto results,
                   connection.pipeline({{db::begin, {}}, sql::WebhooksLock{}, sql::WebhooksFacts{id, tenant}, query}));
    const auto before = db::row_of<sql::WebhooksFacts>(results[2]).facts;
    const auto rows = db::rows_of<Query>(results[3]);
    if (rows.empty() || rows.front().obstacle) {
        connection.rollback();
        return ChangedWebhook{rows.empty() ? "" : *rows.front().obstacle, std::nullopt};
    }
    const auto audit = audit_of(id, action, author, before);
    const db::Call first = rows.front().made ? db::Call(audit) : db::Call(sql::DbSessionDurableMark{});
    LEDGERLINE_TRY(auto record, commit_and_read(connection, first, sql::WebhooksById{id, tenant}));
    return ChangedWebhook{"", std::move(record)};
}

// The same for a delivery that is asked for.
template <class Query>
Result<ChangedDelivery> ask_for(db::Connection& connection, const Query& query, const sql::WebhooksDelivery& read,
                                std::string_view action, const WebhookAuthor& author) {
    LEDGERLINE_TRY(const auto results, connection.pipeline({{db::begin, {}}, sql::WebhooksLock{}, query}));
    const auto rows = db::rows_of<Query>(results[2]);
    if (rows.empty() || rows.front().obstacle) {
        connection.rollback();
        return ChangedDelivery{rows.empty() ? "" : *rows.front().obstacle, std::nullopt};
    }
    const auto audit = audit_of(read.webhook_id, action, author, std::nullopt);
    const db::Call first = rows.front().made ? db::Call(audit) : db::Call(sql::DbSessionDurableMark{});
    LEDGERLINE_TRY(auto record, commit_and_read(connection, first, read));
    return ChangedDelivery{"", std::move(record)};
}

std::string ping_body(const Uuid& webhook_id, const Uuid& new_id, WallTime now) {
    std::string data;
    JsonObject(data).add("webhook_id", webhook_id).close();
    return notify::own_event(notify::ping_type, new_id.to_string(), now, data);
}

}  // namespace

std::string new_webhook_secret(Random& random) {
    std::string bytes;
    while (bytes.size() < notify::secret_bytes) {
        const std::uint64_t word = random.next();
        bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
    }
    return bytes;
}

Result<ChangedWebhook> create_webhook(db::Connection& connection, const Uuid& id, const WebhookTerms& terms,
                                      const std::string& secret, const WebhookAuthor& author) {
    LEDGERLINE_TRY(const feed::FeedPosition now, feed::read_ends(connection));
    const std::string position = now.cursor();
    const std::vector<std::string> events = terms.events.value_or(std::vector<std::string>());
    const std::vector<Uuid> account_ids = terms.account_ids.value_or(std::vector<Uuid>());
    const sql::WebhooksCreate query{.id = id,
                                    .url = *terms.url,
                                    .events = events,
                                    .account_ids = account_ids,
                                    .description = terms.description,
                                    .secret = {secret},
                                    .position = position,
                                    .webhooks_max = webhooks_max,
                                    .tenant = author.caller.tenant,
                                    .webhooks_of_all_max = webhooks_of_all_max};
    return change(connection, id, query, "webhook_created", author);
}

Result<ChangedWebhook> change_webhook(db::Connection& connection, const Uuid& id, const WebhookTerms& terms,
                                      const WebhookAuthor& author) {
    const std::vector<std::string> events = terms.events.value_or(std::vector<std::string>());
    const std::vector<Uuid> account_ids = terms.account_ids.value_or(std::vector<Uuid>());
    const sql::WebhooksChange query{.id = id,
                                    .url = terms.url,
                                    .events = events,
                                    .sets_events = terms.events.has_value(),
                                    .account_ids = account_ids,
                                    .sets_account_ids = terms.account_ids.has_value(),
                                    .description = terms.description,
                                    .sets_description = terms.sets_description,
                                    .status = terms.status,
                                    .tenant = author.caller.tenant};
    return change(connection, id, query, "webhook_updated", author);
}

Result<ChangedWebhook> remove_webhook(db::Connection& connection, const Uuid& id, const WebhookAuthor& author) {
    const int tenant = author.caller.tenant;
    LEDGERLINE_TRY(const auto results, connection.pipeline({{db::begin, {}},
                                                            sql::WebhooksLock{},
                                                            sql::WebhooksById{id, tenant},
                                                            sql::WebhooksFacts{id, tenant},
                                                            sql::WebhooksRemove{id, tenant}}));
    auto removed = db::rows_of<sql::WebhooksById>(results[2]);
    if (removed.empty()) {
        connection.rollback();
        return ChangedWebhook{};
    }
    const auto before = db::row_of<sql::WebhooksFacts>(results[3]).facts;
    LEDGERLINE_CHECK(connection.commit_pipeline({audit_of(id, "webhook_deleted", author, before), {db::commit, {}}}));
    return ChangedWebhook{"", std::move(removed.front())};
}

Result<ChangedWebhook> rotate_webhook(db::Connection& connection, const Uuid& id, const std::string& secret,
                                      std::chrono::seconds overlap, const WebhookAuthor& author) {
    const sql::WebhooksRotate query{
        .id = id, .secret = {secret}, .overlap_s = overlap.count(), .tenant = author.caller.tenant};
    return change(connection, id, query, "webhook_rotated", author);
}

Result<ChangedDelivery> ping_webhook(db::Connection& connection, const Uuid& id, const Uuid& new_id, WallTime now,
                                     const WebhookAuthor& author) {
    const std::string body = ping_body(id, new_id, now);
    const sql::WebhooksPing query{.webhook_id = id,
                                  .new_id = new_id,
                                  .body = body,
                                  .requested_max = requested_deliveries_max,
                                  .tenant = author.caller.tenant};
    return ask_for(connection, query, {id, new_id, author.caller.tenant}, "webhook_pinged", author);
}

Result<ChangedDelivery> send_delivery_again(db::Connection& connection, const Uuid& id, const Uuid& delivery_id,
                                            const Uuid& new_id, const WebhookAuthor& author) {
    const sql::WebhooksSendAgain query{.webhook_id = id,
                                       .id = delivery_id,
                                       .new_id = new_id,
                                       .requested_max = requested_deliveries_max,
                                       .tenant = author.caller.tenant};
    return ask_for(connection, query, {id, new_id, author.caller.tenant}, "webhook_resent", author);
}

}  // namespace ledgerline::api
