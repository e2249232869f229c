#include "notify/notify_store.h"

#include <algorithm>
#include <limits>

#include "base/json.h"
#include "sql/queries.h"

namespace ledgerline::notify {
namespace {

constexpr std::int64_t kPendingMax = 20'000;
constexpr std::int64_t kRequestedMax = 500;
constexpr std::size_t kScanMin = 100;  // rows that are looked at, also where there is room for few
constexpr std::int64_t kKeptMax = 10'000;
constexpr int kKeptDays = 7;
constexpr std::size_t kPlacesBytesMax = limits::page_bytes_max;

db::ConnectionConfig without_durable_commits(db::ConnectionConfig config) {
    config.durable_commits = false;
    return config;
}

std::vector<std::string> texts_of(const std::string& json) {
    std::vector<std::string> texts;
    const auto parsed = json::parse(json);
    const json::Array* items = parsed ? parsed->if_array() : nullptr;
    db::expect(items != nullptr, "a webhook's list is none");
    for (const json::Value& item : *items)
        if (const std::string* text = item.if_string()) texts.push_back(*text);
    return texts;
}

Endpoint endpoint_of(const sql::NotifyOwned::Row& row) {
    Endpoint endpoint{.id = row.id,
                      .epoch = row.epoch,
                      .url = row.url,
                      .events = texts_of(row.events),
                      .account_ids = {},
                      .secrets = {},
                      .tenant = row.tenant};
    for (const std::string& text : texts_of(row.account_ids))
        if (const auto id = Uuid::parse(text)) endpoint.account_ids.push_back(*id);
    return endpoint;
}

Delivery delivery_of(const sql::Pending& row) {
    Delivery delivery{.id = row.id, .event_id = row.event_id, .event_type = row.event_type};
    delivery.account_id = row.account_id;
    delivery.lane = row.lane;
    if (row.lane) delivery.place = {db::required(row.seq), db::required(row.nth)};
    delivery.body = row.body.value_or("");
    delivery.tries_max = row.tries_max;
    delivery.attempts = row.attempts;
    delivery.tries = parse_tries(row.tries);
    delivery.first_attempt_at = row.first_attempt_at;
    delivery.next_attempt_at = row.next_attempt_at;
    delivery.created_at = row.created_at;
    return delivery;
}

// The place before it, whatever there is.
feed::FeedPlace before(const feed::FeedPlace& place) {
    if (place.nth > 0) return {place.seq, place.nth - 1};
    return {place.seq - 1, std::numeric_limits<int>::max()};
}

}  // namespace

std::string_view name_of(DisableReason reason) { return reason == DisableReason::gone ? "gone" : "failing"; }

bool Endpoint::wants(const feed::Outcome& outcome) const {
    return filter().matches(outcome) &&
           (events.empty() || std::ranges::find(events, name_of(outcome.type)) != events.end()) &&
           (account_ids.empty() || std::ranges::find(account_ids, outcome.account_id) != account_ids.end());
}

Result<void> can_notify(db::Connection& connection) {
    // No owner has the empty name, and the arrays are empty: this changes nothing.
    LEDGERLINE_CHECK(connection.pipeline({sql::NotifyForgetSelf{}, sql::NotifyNotePositions{},
                                          sql::NotifyNoteDeliveries{.owner = "", .deliveries = "[]"}}));
    return {};
}

NotifyStore::NotifyStore(db::ConnectionConfig config, Metrics& metrics)
    : session_(without_durable_commits(std::move(config)), metrics, "webhooks") {}

Result<Leases> NotifyStore::renew(const std::string& owner, milliseconds term) {
    return session_.run([&](db::Connection& connection) -> Result<Leases> {
        LEDGERLINE_TRY(
            const auto results,
            connection.pipeline({sql::NotifyAnnounce{owner, static_cast<double>(term.count())}, sql::NotifyForgetDead{},
                                 sql::NotifyGiveUp{owner}, sql::NotifyTakeFree{owner}, sql::NotifyOwned{owner},
                                 sql::NotifyFailing{}}));
        Leases leases{.endpoints = {}, .failing = db::row_of<sql::NotifyFailing>(results[5]).webhooks};
        for (const auto& row : db::rows_of<sql::NotifyOwned>(results[4])) {
            if (leases.endpoints.empty() || leases.endpoints.back().id != row.id)
                leases.endpoints.push_back(endpoint_of(row));
            leases.endpoints.back().secrets.push_back(row.secret.bytes);
        }
        return leases;
    });
}

Result<std::optional<Standing>> NotifyStore::standing(const Endpoint& endpoint, const std::string& owner) {
    using Found = std::optional<Standing>;
    return session_.run([&](db::Connection& connection) -> Result<Found> {
        LEDGERLINE_TRY(const auto results, connection.pipeline({sql::NotifyPosition{endpoint.id, owner, endpoint.epoch},
                                                                sql::NotifyPending{endpoint.id, kPendingMax}}));
        const auto rows = db::rows_of<sql::NotifyPosition>(results[0]);
        if (rows.empty()) return Found();
        const auto position = feed::FeedPosition::parse(rows.front().position);
        db::expect(position.has_value(), "the position of a webhook is none");
        Standing standing{.position = *position, .pending = {}};
        for (const auto& row : db::rows_of<sql::NotifyPending>(results[1]))
            standing.pending.push_back(delivery_of(row));
        return Found(std::move(standing));
    });
}

Result<std::vector<std::pair<Uuid, Delivery>>> NotifyStore::requested(const std::vector<Uuid>& webhook_ids) {
    using Requested = std::vector<std::pair<Uuid, Delivery>>;
    return session_.run([&](db::Connection& connection) -> Result<Requested> {
        LEDGERLINE_TRY(const auto rows, connection.query(sql::NotifyRequested{webhook_ids, kRequestedMax}));
        Requested requested;
        for (const auto& row : rows) requested.emplace_back(row.webhook_id, delivery_of(row));
        return requested;
    });
}

Result<feed::FeedWindow> NotifyStore::read(const Endpoint& endpoint, const feed::FeedPosition& from,
                                           std::size_t rows_max) {
    return session_.run([&](db::Connection& connection) {
        return feed::read_window(connection, from, endpoint.filter(),
                                 {.rows_max = rows_max, .scan_max = std::max(rows_max, kScanMin)});
    });
}

// Each place is a lane of its own here, of which the statement gives one row.
Result<std::vector<std::shared_ptr<const feed::Outcome>>> NotifyStore::read_places(
    std::span<const std::pair<int, feed::FeedPlace>> places) {
    using Outcomes = std::vector<std::shared_ptr<const feed::Outcome>>;
    return session_.run([&](db::Connection& connection) -> Result<Outcomes> {
        std::vector<int> lanes, nths;
        std::vector<std::int64_t> seqs;
        for (const auto& [lane, place] : places) {
            const feed::FeedPlace previous = before(place);
            lanes.push_back(lane);
            seqs.push_back(previous.seq);
            nths.push_back(previous.nth);
        }
        LEDGERLINE_TRY(const auto rows,
                       connection.query(sql::FeedRead{.lanes = lanes,
                                                      .seqs = seqs,
                                                      .nths = nths,
                                                      .rows_max = static_cast<std::int64_t>(places.size()),
                                                      .bytes_max = static_cast<std::int64_t>(kPlacesBytesMax)}));
        Outcomes outcomes;
        for (const auto& row : rows) outcomes.push_back(std::make_shared<const feed::Outcome>(feed::outcome_of(row)));
        return outcomes;
    });
}

Result<void> NotifyStore::note(const std::string& owner, const std::vector<Settled>& settled, const std::string& rows) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        std::vector<Uuid> ids;
        std::vector<std::int64_t> epochs;
        std::vector<std::string> positions;
        for (const Settled& each : settled) {
            ids.push_back(each.webhook_id);
            epochs.push_back(each.epoch);
            positions.push_back(each.position.cursor());
        }
        const std::string deliveries = '[' + rows + ']';
        // The positions first: they lock the leases, so that the rows are not written once those are another's.
        LEDGERLINE_CHECK(connection.pipeline(
            {sql::NotifyNotePositions{.owner = owner, .webhook_ids = ids, .epochs = epochs, .positions = positions},
             sql::NotifyNoteDeliveries{.owner = owner, .deliveries = deliveries}}));
        return {};
    });
}

Result<void> NotifyStore::disable(const std::string& owner, const Endpoint& endpoint, DisableReason reason,
                                  const Notice& notice) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.query(sql::NotifyDisable{.owner = owner,
                                                             .webhook_id = endpoint.id,
                                                             .epoch = endpoint.epoch,
                                                             .reason = name_of(reason),
                                                             .audit_id = notice.audit_id,
                                                             .event_id = notice.event_id,
                                                             .ids = notice.delivery_ids,
                                                             .body = notice.body}));
        return {};
    });
}

Result<void> NotifyStore::prune(const std::vector<Uuid>& webhook_ids) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.execute(sql::NotifyPrune{webhook_ids, kKeptMax, kKeptDays}));
        return {};
    });
}

Result<void> NotifyStore::release(const std::string& owner) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.pipeline({sql::NotifyFreeOwn{owner}, sql::NotifyForgetSelf{owner}}));
        return {};
    });
}

}  // namespace ledgerline::notify
