#include "publish/pg_outbox_store.h"

#include <algorithm>

#include "base/limits.h"
#include "sql/queries.h"

namespace ledgerline::publish {
namespace {

constexpr std::string_view kTimedOut = "57014";  // the server's statement_timeout

db::ConnectionConfig without_durable_commits(db::ConnectionConfig config) {
    config.durable_commits = false;
    return config;
}

Event event_of(const db::Rows& rows, std::size_t row) {
    Event event;
    event.event_id = rows.uuid(row, 0);
    event.lane = static_cast<int>(rows.int64(row, 1));
    event.seq = rows.int64(row, 2);
    event.schema_version = static_cast<int>(rows.int64(row, 3));
    event.occurred_at = rows.time(row, 4);
    event.traceparent = rows.text(row, 5);
    event.transaction_id = rows.uuid(row, 6);
    event.account_id = rows.uuid(row, 7);
    event.amount_cents = rows.int64(row, 8);
    event.currency = rows.text(row, 9);
    const auto type = parse_transaction_type(rows.text(row, 10));
    db::expect(type.has_value(), "expected a transaction type");
    event.type = *type;
    event.idempotency_key = rows.text(row, 11);
    event.metadata = rows.optional_text(row, 12);
    return event;
}

// The beginning of an error text from any source; bytes that PostgreSQL would reject are replaced.
std::string storable(const std::string& error) {
    std::string text = error.substr(0, PgOutboxStore::error_chars_max);
    std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c == 0 || c >= 0x80; }, '?');
    return text;
}

template <class Items, class Member>
std::vector<std::int64_t> column(const Items& items, Member member) {
    std::vector<std::int64_t> values;
    values.reserve(items.size());
    for (const auto& item : items) values.push_back(item.*member);
    return values;
}

}  // namespace

Result<void> can_publish(db::Connection& connection) {
    const db::Params nobody = std::move(db::Params().add(""));
    const std::vector<std::int64_t> no_lanes;
    db::Params no_advance;
    no_advance.add("").add_array(no_lanes).add_array(no_lanes).add_array(no_lanes).add_array(no_lanes);
    LEDGERLINE_CHECK(connection.commit_pipeline(
        {{db::begin, {}},
         {sql::publish_durably, {}},
         {sql::publish_announce_nobody, {}},
         {sql::publish_extend, std::move(db::Params().add("").add(0))},
         {sql::publish_forget_self, nobody},
         {sql::publish_advance, std::move(no_advance)},
         {sql::letters_mark_announced, std::move(db::Params().add_array(std::vector<Uuid>()))},
         sql::DbSessionProveCommit{},
         {db::commit, {}}}));
    return {};
}

PgOutboxStore::PgOutboxStore(db::ConnectionConfig config, Metrics& metrics, Tracer& tracer)
    : session_(without_durable_commits(std::move(config)), metrics, "publisher", tracer) {}

Result<std::vector<Lease>> PgOutboxStore::renew(const std::string& owner, milliseconds term) {
    return session_.run([&](db::Connection& connection) -> Result<std::vector<Lease>> {
        const db::Params self = db::Params().add(owner);
        const db::Params self_and_term = db::Params().add(owner).add(term.count());
        LEDGERLINE_TRY(const auto results, connection.pipeline({{db::begin, {}},
                                                                {sql::publish_durably, {}},
                                                                {sql::publish_announce, self_and_term},
                                                                {sql::publish_forget_dead, {}},
                                                                {sql::publish_extend, self_and_term},
                                                                {sql::publish_give_up_excess, self},
                                                                {sql::publish_take_free, self_and_term},
                                                                {sql::publish_leases, self},
                                                                {db::commit, {}}}));
        const db::Rows& rows = results[results.size() - 2];
        std::vector<Lease> leases;
        for (std::size_t row = 0; row < rows.size(); ++row)
            leases.push_back({static_cast<int>(rows.int64(row, 0)), rows.int64(row, 1), rows.int64(row, 2)});
        return leases;
    });
}

Result<void> PgOutboxStore::expire_others(const std::string& owner) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        const db::Params self = db::Params().add(owner);
        LEDGERLINE_CHECK(connection.pipeline({{db::begin, {}},
                                              {sql::publish_durably, {}},
                                              {sql::publish_free_others, self},
                                              {sql::publish_forget_others, self},
                                              {db::commit, {}}}));
        return {};
    });
}

Result<void> PgOutboxStore::release(const std::string& owner) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        const db::Params self = db::Params().add(owner);
        LEDGERLINE_CHECK(connection.pipeline({{db::begin, {}},
                                              {sql::publish_durably, {}},
                                              {sql::publish_free_own, self},
                                              {sql::publish_forget_self, self},
                                              {db::commit, {}}}));
        return {};
    });
}

Result<std::vector<Event>> PgOutboxStore::read(std::span<const Lease> leases, std::size_t events_max) {
    events_max = std::max<std::size_t>(1, std::min(events_max, read_events_max_));
    const std::size_t bytes_max =
        std::max<std::size_t>(1, limits::publish_round_bytes_max / std::max<std::size_t>(1, leases.size()));
    auto read = session_.run([&](db::Connection& connection) -> Result<std::vector<Event>> {
        db::Params params;
        params.add_array(column(leases, &Lease::lane))
            .add_array(column(leases, &Lease::published_seq))
            .add(static_cast<std::int64_t>(events_max))
            .add(static_cast<std::int64_t>(bytes_max));
        LEDGERLINE_TRY(const db::Rows rows, connection.query(sql::publish_read, params));
        std::vector<Event> events;
        events.reserve(rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) events.push_back(event_of(rows, row));
        return events;
    });
    // Do not repeat a read that timed out at the same size.
    if (!read && read.error().code == kTimedOut)
        read_events_max_ = std::max<std::size_t>(1, events_max / 2);
    else if (read && read_events_max_ < read_events_most)
        read_events_max_ *= 2;
    return read;
}

Result<std::vector<bool>> PgOutboxStore::advance(const std::string& owner, std::span<const Advance> advances) {
    return session_.run([&](db::Connection& connection) -> Result<std::vector<bool>> {
        db::Params params;
        params.add(owner)
            .add_array(column(advances, &Advance::lane))
            .add_array(column(advances, &Advance::epoch))
            .add_array(column(advances, &Advance::from))
            .add_array(column(advances, &Advance::to));
        LEDGERLINE_TRY(const db::Rows rows, connection.query(sql::publish_advance, params));
        std::vector<bool> moved(advances.size(), false);
        for (std::size_t row = 0; row < rows.size(); ++row)
            for (std::size_t i = 0; i < advances.size(); ++i)
                if (advances[i].lane == rows.int64(row, 0)) moved[i] = true;
        return moved;
    });
}

Result<void> PgOutboxStore::record_failure(const Lease& lease, const std::string& owner, const std::string& error) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        db::Params params;
        params.add(lease.lane).add(owner).add(lease.epoch).add(storable(error));
        LEDGERLINE_CHECK(connection.query(sql::publish_record_failure, params));
        return {};
    });
}

Result<bool> PgOutboxStore::halt(const Lease& lease, const std::string& owner, const LaneHalt& halt) {
    return session_.run([&](db::Connection& connection) -> Result<bool> {
        db::Params params;
        params.add(lease.lane).add(owner).add(lease.epoch).add(halt.seq).add(halt.code).add(storable(halt.reason));
        LEDGERLINE_TRY(const db::Rows rows, connection.query(sql::publish_halt, params));
        return rows.affected() == 1;
    });
}

Result<void> PgOutboxStore::clear_halts(std::span<const int> lanes) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        const std::vector<std::int64_t> numbers(lanes.begin(), lanes.end());
        LEDGERLINE_CHECK(connection.query(sql::publish_clear_halts, db::Params().add_array(numbers)));
        return {};
    });
}

Result<Backlog> PgOutboxStore::backlog() {
    return session_.run([&](db::Connection& connection) -> Result<Backlog> {
        LEDGERLINE_TRY(const db::Rows rows, connection.query(sql::publish_backlog));
        return Backlog{rows.int64(0, 0), std::chrono::seconds(rows.int64(0, 1)), rows.int64(0, 2)};
    });
}

}  // namespace ledgerline::publish
