// The parts of TransactionEndpoints that write the answers to posts.
//
// With Prefer: outcome=strict, a transaction that ended as FAILED is answered as a problem that holds it: whoever looks
// at the status of the answer alone cannot take a refusal for success. It is stored all the same, and its key is used.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "api/fields.h"
#include "api/responses.h"
#include "api/transaction_endpoints.h"

namespace ledgerline::api {
namespace {

std::size_t bytes_of(const TransactionRecord& record) {
    return answer_item_bytes + record.idempotency_key.size() + (record.metadata ? record.metadata->size() : 0) +
           (record.legs ? record.legs->size() : 0);
}

http::Problem problem_with(const TransactionRecord& failed) {
    return problem_of_failure(failed.failure_code.value_or(""), failed.failure_reason.value_or(""));
}

// The problem as a JSON object whose last member is the transaction, written as text: its metadata stays exact.
void append_refused(const http::Problem& problem, const TransactionRecord& failed, std::string& out) {
    json::serialize(http::to_json(problem), out);
    out.back() = ',';
    out += R"("transaction":)";
    append_json(failed, out);
    out.push_back('}');
}

http::Response refused_response(const TransactionRecord& failed) {
    const http::Problem problem = problem_with(failed);
    http::Response response = http::to_response(problem);
    response.body.clear();
    append_refused(problem, failed, response.body);
    return response;
}

}  // namespace

http::Problem refusal(const intake::IntakeResult& result, const TransactionRequest& request) {
    using Status = intake::IntakeResult::Status;
    switch (result.status) {
        case Status::key_reused:
            return problem(
                ProblemCode::idempotency_key_reused,
                "This idempotency key was used for another transaction of this account, with a different body.",
                member_path(request.path, "idempotency_key"));
        case Status::account_not_found:
            return problem(ProblemCode::account_not_found, "There is no account with this id.",
                           request.field_of(result.account_id));
        case Status::account_suspended:
            return problem(ProblemCode::account_suspended, "The account is suspended.",
                           request.field_of(result.account_id));
        case Status::account_closed:
            return problem(ProblemCode::account_closed, "The account is closed.", request.field_of(result.account_id));
        case Status::currency_mismatch:
            return problem(ProblemCode::currency_mismatch,
                           fmt::format("The account's currency is {}.", result.account_currency),
                           request.currency_field_of(result.account_id));
        case Status::previous_refused:
            return previous_refused(request);
        case Status::failed:
            return problem(ProblemCode::internal_error, "The database refused this transaction. Nothing was stored.");
        case Status::lane_held:  // turned into an error before
        case Status::created:
        case Status::replayed:
            break;
    }
    LEDGERLINE_ASSERT(false);
}

// Preference-Applied: the preferences that shaped the answer.
void TransactionEndpoints::name_preferences(const Outcomes& outcomes, http::Response& response) {
    std::vector<std::string> applied;
    if (outcomes.waited) applied.push_back(fmt::format("wait={}", outcomes.waited->count()));
    if (outcomes.strict) applied.emplace_back("outcome=strict");
    if (!applied.empty())
        response.headers.emplace_back("Preference-Applied", fmt::format("{}", fmt::join(applied, ", ")));
}

http::Response TransactionEndpoints::answer_to_post(const Outcomes& outcomes) {
    const Outcome& outcome = outcomes.items[0];
    if (!outcome) return http::to_response(outcome.error());
    const TransactionRecord& transaction = outcome->transaction;
    const bool refused = outcomes.strict && transaction.status == "FAILED";
    http::Response response = refused ? refused_response(transaction) : record_response(201, transaction);
    response.headers.emplace_back("Location", "/v1/transactions/" + transaction.id.to_string());
    if (outcome->replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
    name_preferences(outcomes, response);
    return response;
}

http::Response TransactionEndpoints::answer_to_batch(Outcomes outcomes) {
    // Written piece by piece: each item is freed as soon as its text is there.
    std::string text = R"({"results":[)";
    std::size_t bytes = text.size();
    for (const Outcome& outcome : outcomes.items) bytes += outcome ? bytes_of(outcome->transaction) : answer_item_bytes;
    if (outcomes.strict) bytes += outcomes.items.size() * answer_problem_bytes;
    text.reserve(bytes);
    for (std::size_t i = 0; i < outcomes.items.size(); ++i) {
        Outcome outcome = std::move(outcomes.items[i]);
        if (i > 0) text.push_back(',');
        JsonObject result(text);
        if (outcome && outcomes.strict && outcome->transaction.status == "FAILED") {
            const http::Problem problem = problem_with(outcome->transaction);
            result.add("status", problem.status).add("replayed", outcome->replayed).begin("problem");
            append_refused(problem, outcome->transaction, text);
        } else if (outcome) {
            result.add("status", 201).add("replayed", outcome->replayed).begin("transaction");
            append_json(outcome->transaction, text);
        } else {
            // Whatever names no field, such as an outage, is about the item as a whole.
            if (outcome.error().field.empty()) outcome.error().field = fmt::format("transactions[{}]", i);
            result.add("status", outcome.error().status).begin("problem");
            json::serialize(http::to_json(outcome.error()), text);
        }
        result.close();
    }
    text += "]}";
    http::Response response = json_response(200, std::move(text));
    name_preferences(outcomes, response);
    return response;
}

}  // namespace ledgerline::api
