#include "lab/api_server.h"

#include <fmt/format.h>

namespace ledgerline::test {

ApiServer::ApiServer(api::ApiConfig config, TestCluster& cluster) : database_(cluster) {
    config.database_url = database_.url();
    config.version = "test";
    api_ = std::make_unique<api::Api>(
        std::move(config), publisher_wakeup_,
        [](const Error& error) { ADD_FAILURE() << error.code << ' ' << error.message; }, context_);
    api_->add_routes(router_);
    http::ListenerConfig listener;
    listener.port = 0;
    listener_ = std::make_unique<http::Listener>(listener, router_, context_);
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

std::string ApiServer::transaction(const std::string& account_id, const std::string& key, int amount_cents,
                                   const std::string& more) {
    return transaction_json(account_id, key, amount_cents, "CREDIT", more);
}

void ApiServer::move_cursors(const std::string& transaction_id) {
    for (const char* cursor : {"lane_publish SET published_seq", "lane_apply SET applied_seq"})
        database_.run(fmt::format(
            "UPDATE {} = s.seq FROM (SELECT lane, seq FROM lane_events WHERE transaction_id = "
            "'{}' ORDER BY seq DESC LIMIT 1) s WHERE {}.lane = s.lane",
            cursor, transaction_id, std::string_view(cursor).substr(0, std::string_view(cursor).find(' '))));
    api_->outcome_wakeup().notify();
}

void ApiServer::apply(const std::string& transaction_id, const std::string& outcome) {
    database_.run(fmt::format(
        "INSERT INTO outcomes (lane, seq, event_id, transaction_id, account_id, outcome, balance_after_cents, "
        "failure_code, failure_reason, processed_at) SELECT e.lane, e.seq, e.event_id, t.id, t.account_id, '{0}', "
        "t.amount_cents, CASE '{0}' WHEN 'FAILED' THEN 'insufficient_balance' END, CASE '{0}' WHEN 'FAILED' THEN "
        "'insufficient balance' END, now() FROM lane_events e JOIN accepted t ON t.id = e.transaction_id WHERE t.id = "
        "'{1}' ORDER BY e.seq DESC LIMIT 1",
        outcome, transaction_id));
    move_cursors(transaction_id);
}

std::string ApiServer::park(const std::string& transaction_id) {
    const std::string id = ids_.next().to_string();
    database_.run(fmt::format(
        "INSERT INTO dead_letters (id, event_id, transaction_id, account_id, lane, seq, topic, partition, \"offset\", "
        "message_key, payload, payload_encoding, value_sha256, error_class, error_code, error_message, attempts, "
        "first_failed_at, last_failed_at) SELECT '{}', e.event_id, t.id, t.account_id, e.lane, e.seq, 'transactions', "
        "e.lane, e.seq, 'key', '{{}}', 'utf8', '\\x00', 'permanent', '23514', 'a check failed', 1, now(), now() FROM "
        "lane_events e JOIN accepted t ON t.id = e.transaction_id WHERE t.id = '{}' ORDER BY e.seq DESC LIMIT 1",
        id, transaction_id));
    move_cursors(transaction_id);
    return id;
}

}  // namespace ledgerline::test
