#include "api/key_keeper.h"

#include <algorithm>
#include <utility>

#include "api/key_store.h"
#include "base/result.h"
#include "observe/exceptions.h"
#include "observe/log.h"
#include "sql/queries.h"

namespace ledgerline::api {

KeyKeeper::KeyKeeper(const db::ConnectionConfig& config, http::ApiKeys& keys, const ProcessContext& context)
    : keys_(keys),
      clock_(context.clock),
      ids_(context.ids),
      instance_(context.ids.next()),
      session_(config, context.metrics, "keys"),
      loop_(
          "keys", wakeup_, [this]() -> Result<milliseconds> { return step(); }, [](const Error&) {},
          exception_noter(context.metrics, "keys")) {}

void KeyKeeper::start() {
    step();
    was_open_ = keys_.is_open();
    if (was_open_)
        log::warn(
            "the API is open: everybody who reaches it may do everything. 'ledgerline keys create' makes a first key, "
            "and from then on every call needs one");
    started_ = true;
    loop_.start();
}

void KeyKeeper::stop() {
    if (!std::exchange(started_, false)) return;
    loop_.stop();
    step();
    leave();
}

milliseconds KeyKeeper::step() {
    for (const auto part : {&KeyKeeper::read, &KeyKeeper::write_uses, &KeyKeeper::write_refusals}) {
        const auto done = (this->*part)();
        if (done) continue;
        if (!std::exchange(away_, true))
            log::warn("the keys cannot be read or their use be written at the moment",
                      {{"code", done.error().code}, {"reason", done.error().message}});
        return idle;
    }
    if (std::exchange(away_, false)) log::info("the keys are read again");
    if (was_open_ && !keys_.is_open()) {
        was_open_ = false;
        log::info("there is a key: from now on every call needs one");
    }
    return idle;
}

Result<void> KeyKeeper::read() {
    LEDGERLINE_TRY(auto keys, session_.run([](db::Connection& connection) { return read_keys(connection); }));
    auto leased = lease_parts(keys.tenants);
    std::vector<http::KnownTenant> known;
    for (const sql::Tenant& tenant : keys.tenants) known.push_back(known_of(tenant, instances_));
    keys_.know(known);
    keys_.store(std::move(keys.in_force), keys.once_there);
    return leased;
}

// Only while there are limits to share. Without a lease the part stays as it is.
Result<void> KeyKeeper::lease_parts(const std::vector<sql::Tenant>& tenants) {
    has_lease_ = std::ranges::any_of(tenants, [](const sql::Tenant& each) { return each.shared.value_or(false); });
    if (!has_lease_) return {};
    LEDGERLINE_TRY(const auto leased, session_.run([this](db::Connection& connection) {
        return connection.query(sql::KeysLeaseLimits{instance_});
    }));
    instances_ = leased.front().instances;
    return {};
}

// The others have its part at once. If that cannot be written, they have it when its lease ends.
void KeyKeeper::leave() {
    if (!std::exchange(has_lease_, false)) return;
    (void)session_.run(
        [this](db::Connection& connection) { return connection.execute(sql::KeysLeaveLimits{instance_}); });
}

Result<void> KeyKeeper::write_uses() {
    std::vector<Uuid> ids;
    std::vector<int> numbers;
    const SteadyTime now = clock_.steady_now();
    std::erase_if(written_, [&](const auto& each) { return now - each.second >= use_written_every; });
    for (const auto& secret : keys_.take_used()) {
        const auto id = Uuid::parse(secret.first);
        if (!id || !written_.emplace(secret, now).second) continue;
        ids.push_back(*id);
        numbers.push_back(secret.second);
    }
    if (ids.empty()) return {};
    LEDGERLINE_CHECK(
        session_.run([&](db::Connection& connection) { return connection.execute(sql::KeysTouch{ids, numbers}); }));
    return {};
}

// What cannot be written stays until it can. Each is written once: its id tells.
Result<void> KeyKeeper::write_refusals() {
    if (unwritten_.empty()) unwritten_ = keys_.refused().take();
    if (unwritten_.empty()) return {};
    std::vector<Uuid> ids;
    std::vector<std::string> wanted, peers, request_ids, codes;
    std::vector<std::optional<std::string>> key_ids;
    std::vector<std::int64_t> counts;
    for (const http::RefusedLogin& each : unwritten_) {
        ids.push_back(ids_.next());
        wanted.push_back(each.wanted);
        key_ids.push_back(each.key_id.empty() ? std::nullopt : std::optional(each.key_id));
        peers.push_back(each.peer);
        request_ids.push_back(each.request_id);
        codes.push_back(each.code);
        counts.push_back(each.count);
    }
    LEDGERLINE_CHECK(session_.run([&](db::Connection& connection) {
        return connection.query(sql::KeysAuditRefusals{ids, wanted, key_ids, peers, request_ids, codes, counts});
    }));
    unwritten_.clear();
    return {};
}

}  // namespace ledgerline::api
