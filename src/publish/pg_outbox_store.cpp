#include "publish/pg_outbox_store.h"

#include <algorithm>

#include "base/limits.h"
#include "sql/queries.h"

namespace ledgerline::publish {
namespace {

db::ConnectionConfig without_durable_commits(db::ConnectionConfig config) {
    config.durable_commits = false;
    return config;
}

Event event_of(sql::PublishRead::Row row) {
    const auto type = parse_transaction_type(row.type);
    db::expect(type.has_value(), "expected a transaction type");
    return {.event_id = row.event_id,
            .lane = row.lane,
            .seq = row.seq,
            .schema_version = row.schema_version,
            .occurred_at = row.created_at,
            .traceparent = std::move(row.traceparent).value_or(""),
            .transaction_id = row.id,
            .account_id = row.account_id,
            .net_cents = row.net_cents,
            .places = row.places,
            .is_first = row.is_first,
            .amount_cents = row.amount_cents,
            .currency = std::move(row.currency),
            .type = *type,
            .idempotency_key = std::move(row.idempotency_key),
            .legs = std::move(row.legs),
            .reference = std::move(row.reference),
            .metadata = std::move(row.metadata),
            .parent_id = row.parent_id,
            .previous_id = row.previous_id,
            .dated = row.dated,
            .tenant_name = std::move(row.tenant_name)};
}

// The beginning of an error text from any source; bytes that PostgreSQL would reject are replaced.
std::string storable(const std::string& error) {
    std::string text = error.substr(0, PgOutboxStore::error_chars_max);
    std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c == 0 || c >= 0x80; }, '?');
    return text;
}

template <class Item, class Value>
std::vector<Value> column(std::span<const Item> items, Value Item::* member) {
    std::vector<Value> values;
    values.reserve(items.size());
    for (const auto& item : items) values.push_back(item.*member);
    return values;
}

}  // namespace

Result<void> can_publish(db::Connection& connection) {
    // No owner has the empty name, and the arrays are empty: this changes nothing.
    LEDGERLINE_CHECK(connection.commit_pipeline({{db::begin, {}},
                                                 sql::PublishDurably{},
                                                 sql::PublishAnnounceNobody{},
                                                 sql::PublishForgetSelf{},
                                                 sql::PublishAdvance{},
                                                 sql::LettersMarkAnnounced{},
                                                 sql::DbSessionProveCommit{},
                                                 {db::commit, {}}}));
    return {};
}

PgOutboxStore::PgOutboxStore(db::ConnectionConfig config, Metrics& metrics, Tracer& tracer)
    : session_(without_durable_commits(std::move(config)), metrics, "publisher", tracer) {}

Result<std::vector<Lease>> PgOutboxStore::renew(const std::string& owner, milliseconds term) {
    return session_.run([&](db::Connection& connection) -> Result<std::vector<Lease>> {
        const auto term_ms = static_cast<double>(term.count());
        LEDGERLINE_TRY(const auto results, connection.pipeline({{db::begin, {}},
                                                                sql::PublishDurably{},
                                                                sql::PublishAnnounce{owner, term_ms},
                                                                sql::PublishForgetDead{},
                                                                sql::PublishGiveUpExcess{owner},
                                                                sql::PublishTakeFree{owner},
                                                                sql::PublishLeases{owner},
                                                                {db::commit, {}}}));
        std::vector<Lease> leases;
        for (const auto& row : db::rows_of<sql::PublishLeases>(results[results.size() - 2]))
            leases.push_back({row.lane, row.epoch, row.published_seq});
        return leases;
    });
}

Result<void> PgOutboxStore::expire_others(const std::string& owner) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.pipeline({{db::begin, {}},
                                              sql::PublishDurably{},
                                              sql::PublishFreeOthers{owner},
                                              sql::PublishForgetOthers{owner},
                                              {db::commit, {}}}));
        return {};
    });
}

Result<void> PgOutboxStore::release(const std::string& owner) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.pipeline({{db::begin, {}},
                                              sql::PublishDurably{},
                                              sql::PublishFreeOwn{owner},
                                              sql::PublishForgetSelf{owner},
                                              {db::commit, {}}}));
        return {};
    });
}

Result<std::vector<Event>> PgOutboxStore::read(std::span<const Lease> leases, std::size_t events_max) {
    events_max = std::max<std::size_t>(1, std::min(events_max, read_events_max_));
    const std::size_t bytes_max =
        std::max<std::size_t>(1, limits::publish_round_bytes_max / std::max<std::size_t>(1, leases.size()));
    auto read = session_.run([&](db::Connection& connection) -> Result<std::vector<Event>> {
        LEDGERLINE_TRY(auto rows,
                       connection.query(sql::PublishRead{.lanes = column(leases, &Lease::lane),
                                                         .published_seqs = column(leases, &Lease::published_seq),
                                                         .events_max = static_cast<std::int64_t>(events_max),
                                                         .bytes_max = static_cast<std::int64_t>(bytes_max)}));
        std::vector<Event> events;
        events.reserve(rows.size());
        for (auto& row : rows) events.push_back(event_of(std::move(row)));
        return events;
    });
    // Do not repeat a read that timed out at the same size.
    if (!read && read.error().code == db::query_canceled)
        read_events_max_ = std::max<std::size_t>(1, events_max / 2);
    else if (read && read_events_max_ < read_events_most)
        read_events_max_ *= 2;
    return read;
}

Result<std::vector<bool>> PgOutboxStore::advance(const std::string& owner, std::span<const Advance> advances) {
    return session_.run([&](db::Connection& connection) -> Result<std::vector<bool>> {
        LEDGERLINE_TRY(const auto rows,
                       connection.query(sql::PublishAdvance{.owner = owner,
                                                            .lanes = column(advances, &Advance::lane),
                                                            .epochs = column(advances, &Advance::epoch),
                                                            .from_seqs = column(advances, &Advance::from),
                                                            .to_seqs = column(advances, &Advance::to)}));
        std::vector<bool> moved(advances.size(), false);
        for (const auto& row : rows)
            for (std::size_t i = 0; i < advances.size(); ++i)
                if (advances[i].lane == row.lane) moved[i] = true;
        return moved;
    });
}

Result<void> PgOutboxStore::record_failure(const Lease& lease, const std::string& owner, const std::string& error) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.execute(sql::PublishRecordFailure{
            .lane = lease.lane, .owner = owner, .epoch = lease.epoch, .error = storable(error)}));
        return {};
    });
}

Result<bool> PgOutboxStore::halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) {
    return session_.run([&](db::Connection& connection) -> Result<bool> {
        LEDGERLINE_TRY(const std::int64_t recorded,
                       connection.execute(sql::PublishHalt{.lane = lease.lane,
                                                           .owner = owner,
                                                           .epoch = lease.epoch,
                                                           .seq = halt.seq,
                                                           .code = halt.code,
                                                           .reason = storable(halt.reason)}));
        return recorded == 1;
    });
}

Result<void> PgOutboxStore::clear_halts(std::span<const int> lanes) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.execute(sql::PublishClearHalts{.lanes = lanes}));
        return {};
    });
}

Result<Backlog> PgOutboxStore::backlog() {
    return session_.run([&](db::Connection& connection) -> Result<Backlog> {
        LEDGERLINE_TRY(const auto row, connection.query_row(sql::PublishBacklog{}));
        return Backlog{row.unpublished_events, std::chrono::seconds(row.oldest_unapplied_s), row.dead_letters_parked};
    });
}

}  // namespace ledgerline::publish
