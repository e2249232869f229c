#include "lab/api_server.h"

#include <fmt/format.h>

namespace ledgerline::test {

ApiServer::ApiServer(api::ApiConfig config, TestCluster& cluster) : database_(cluster) {
    config.database_url = database_.url();
    config.version = "test";
    http::ListenerConfig listener;
    listener.port = 0;
    listener.key_policy.stored = true;
    listener_ = std::make_unique<http::Listener>(listener, router_, context_);
    api_ = std::make_unique<api::Api>(
        std::move(config), listener_->keys(), publisher_wakeup_,
        [](const Error& error) { ADD_FAILURE() << error.code << ' ' << error.message; }, context_);
    api_->add_routes(router_);
    api_->start();
    const auto started = listener_->start();
    if (!started) ADD_FAILURE() << started.error().message;
}

ApiServer::~ApiServer() {
    api_->begin_stop();
    listener_->stop(patience);
    api_->stop();
}

Answer ApiServer::call(const std::string& method, const std::string& target, const std::string& body,
                       std::vector<http::Header> headers) const {
    Answer answer = ApiClient(listener_->port()).call(method, target, body, std::move(headers));
    if (answer.status == 0) ADD_FAILURE() << method << ' ' << target << ": " << answer.error;
    return answer;
}

std::string ApiServer::account(const std::string& fields) const {
    return ApiClient(listener_->port()).open_account(fields);
}

std::string ApiServer::lane_of(const std::string& account_id) const {
    return get("/v1/accounts/" + account_id).at("lane");
}

std::string ApiServer::account_beside(const std::string& other_id) const {
    std::string id = account();
    while (lane_of(id) == lane_of(other_id)) id = account();
    return id;
}

std::string ApiServer::transaction(const std::string& account_id, const std::string& key, int amount_cents,
                                   const std::string& more) {
    return transaction_json(account_id, key, amount_cents, "CREDIT", more);
}

// Decides the place that the transaction got last. more: failure_code, failure_reason and dead_letter_id.
void ApiServer::decide(const std::string& transaction_id, const std::string& kind, const std::string& more) {
    database_.run(fmt::format(
        "WITH place AS (SELECT p.*, a.balance_cents, a.min_balance_cents, a.max_balance_cents FROM lane_places p JOIN "
        "accounts a ON a.id = p.account_id "
        "WHERE transaction_id = '{0}' ORDER BY seq DESC LIMIT 1), decided AS ("
        "INSERT INTO decisions (lane, seq, transaction_id, account_id, amount_cents, balance_after_cents, floor_cents, "
        "ceiling_cents, processed_at, kind, failure_code, failure_reason, dead_letter_id) SELECT lane, seq, "
        "transaction_id, "
        "account_id, "
        "net_cents, balance_cents + CASE WHEN '{1}' = 'POSTED' THEN net_cents ELSE 0 END, min_balance_cents, "
        "max_balance_cents, now(), '{1}', "
        "{2} "
        "FROM place) "
        "UPDATE lane_publish p SET published_seq = greatest(published_seq, place.seq) FROM place "
        "WHERE p.lane = place.lane",
        transaction_id, kind, more));
    api_->outcome_wakeup().notify();
}

void ApiServer::apply(const std::string& transaction_id, const std::string& outcome) {
    if (outcome == "FAILED")
        decide(transaction_id, "REFUSED", "'insufficient_balance', 'insufficient balance', NULL");
    else
        decide(transaction_id, "POSTED", "NULL, NULL, NULL");
}

void ApiServer::discard(const std::string& transaction_id) {
    decide(transaction_id, "REFUSED", "'discarded', 'discarded: its dead letter was discarded', NULL");
}

std::string ApiServer::park(const std::string& transaction_id) {
    const std::string id = ids_.next().to_string();
    database_.run(fmt::format(
        "INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, \"offset\", "
        "message_key, payload, payload_encoding, value_sha256, error_class, error_code, error_message, attempts, "
        "first_failed_at, last_failed_at) SELECT '{}', event_id, transaction_id, account_id, lane, seq, "
        "'transactions', "
        "lane, seq, 'key', '{{}}', 'utf8', '\\x00', 'permanent', '23514', 'a check failed', 1, now(), now() FROM "
        "lane_places WHERE transaction_id = '{}' ORDER BY seq DESC LIMIT 1",
        id, transaction_id));
    decide(transaction_id, "PARKED", "NULL, NULL, '" + id + "'");
    return id;
}

}  // namespace ledgerline::test
