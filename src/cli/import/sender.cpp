#include "cli/import/sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace ledgerline::cli {
namespace {

constexpr Backoff::Limits kBackoff{.base = milliseconds(100), .cap = milliseconds(5000)};

// How often a row may be answered with 500 before it counts as refused.
constexpr int kInternalErrorsMax = 5;

std::string body_of(const Batch& batch) {
    std::string body = R"({"transactions":[)";
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (i > 0) body += ',';
        body += batch[i].body;
    }
    return body + "]}";
}

bool true_member(const json::Value& object, std::string_view member) {
    const json::Value* value = object.find(member);
    return value && value->if_bool() && *value->if_bool();
}

// What became of one row, according to its item in the answer; empty while it is undecided.
struct ItemEnd {
    std::optional<RowEnd> end;
    std::string reason;  // why it must be sent again, if it has no end
    std::string code;    // the code of that reason, if the row was not accepted
};

// Whether the request may have been accepted despite this result. The client and the API use the same code for that;
// other answers with 500 to 504 and no problem document come from a gateway.
bool may_have_been_accepted(const Error& error) {
    return error.code == http::client_outcome_unknown || error.code == "bad_answer" || error.code == "internal_error" ||
           error.code.starts_with("http_5");
}

ItemEnd end_of(const json::Value& item, BatchRow& row) {
    Answer answer{static_cast<int>(*item.find("status")->if_int64()), {}, {}, {}};
    if (!answer.ok()) {
        if (const json::Value* problem = item.find("problem")) answer.body = *problem;
        const Error error = answer.error("the server");
        // A row that the server repeatedly fails on is not a temporary problem of the server.
        if (answer.status == 500) ++row.internal_errors;
        if (answer.retryable() && row.internal_errors < kInternalErrorsMax) {
            row.may_be_ours |= may_have_been_accepted(error);
            return {std::nullopt, error.message, error.code};
        }
        return {RowEnd{.intake_refusal = IntakeRefusal{row.line, error.code, text_of(answer.body, "detail")}}, {}, {}};
    }
    const json::Value* transaction = item.find("transaction");
    if (!transaction) return {std::nullopt, "the answer has an accepted row without a transaction", {}};
    const std::string state = text_of(*transaction, "status");
    if (!row.known) row.known = true_member(item, "replayed") && !row.may_be_ours;
    RowEnd end{.replayed = *row.known};
    end.dead_lettered = !text_of(*transaction, "dead_letter_id").empty();
    if (state == "FAILED") end.failure_code = text_of(*transaction, "failure_code");
    if (state == "PROCESSED" || !end.failure_code.empty() || end.dead_lettered) return {std::move(end), {}, {}};
    return {std::nullopt, "rows are accepted but not decided yet", {}};
}

// Ends rows that were not accepted although a later one of their accounts was: sending them now would change the order
// of the file.
void end_overtaken(const Batch& batch, std::vector<ItemEnd>& ends) {
    std::unordered_set<std::size_t> accepted_later;
    for (std::size_t i = batch.size(); i-- > 0;) {
        const BatchRow& row = batch[i];
        if (row.known) {
            accepted_later.insert(row.accounts.begin(), row.accounts.end());
        } else if (!ends[i].end && std::ranges::any_of(row.accounts, [&](std::size_t account) {
                       return accepted_later.contains(account);
                   })) {
            const std::string detail =
                fmt::format("{}; not sent again, because a later row of its account was accepted", ends[i].reason);
            ends[i].end = RowEnd{.intake_refusal = IntakeRefusal{row.line, ends[i].code, detail}};
        }
    }
}

}  // namespace

ImportSender::ImportSender(Server server, Random& random, ImportState& state)
    : server_(std::move(server)), state_(state), backoff_(kBackoff, random) {}

bool ImportSender::wait(std::optional<milliseconds> retry_after, const std::string& reason) {
    return state_.wait(std::max(backoff_.next(), retry_after.value_or(milliseconds(0))), reason);
}

std::optional<Answer> ImportSender::call(const std::string& target, const std::string& body,
                                         const std::vector<http::Header>& headers, bool& may_have_arrived) {
    while (!state_.stopping()) {
        auto answer = server_.call("POST", target, body, headers);
        if (answer && !answer->retryable()) return *std::move(answer);
        const Error error = answer ? server_.error_of(*answer) : answer.error();
        if (!answer && error.disposition != Disposition::retry) {
            state_.fail(error);
            return std::nullopt;
        }
        may_have_arrived |= may_have_been_accepted(error);
        if (!wait(answer ? answer->retry_after : std::nullopt, error.message)) return std::nullopt;
    }
    return std::nullopt;
}

std::optional<std::string> ImportSender::ensure_account(const ImportAccount& account) {
    if (account.is_id) {  // the server refuses the rows of one that is not there
        state_.account_ready();
        return account.name;
    }
    const json::Value body = json::Object{{"reference", account.name}, {"currency", account.currency}};
    bool may_have_arrived = false;
    const auto answer = call("/v1/accounts", json::serialize(body), {}, may_have_arrived);
    if (!answer) return std::nullopt;
    backoff_.reset();
    std::string id = text_of(answer->body, answer->status == 409 ? "account_id" : "id");
    if (id.empty()) {
        Error error = answer->ok() ? server_.bad_answer("answered without an id") : server_.error_of(*answer);
        error.message = fmt::format("account '{}': {}", account.name, error.message);
        state_.fail(std::move(error));
        return std::nullopt;
    }
    state_.account_ready();
    return id;
}

void ImportSender::settle(Batch batch) {
    while (!batch.empty()) {
        bool may_have_arrived = false;
        const auto answer = call("/v1/transactions/batch", body_of(batch), {{"Prefer", "wait=30"}}, may_have_arrived);
        if (!answer) return;
        if (may_have_arrived)
            for (BatchRow& row : batch) row.may_be_ours = true;
        if (!answer->ok()) return state_.fail(server_.error_of(*answer));
        const json::Value* found = answer->body.find("results");
        const json::Array* results = found ? found->if_array() : nullptr;
        const auto has_status = [](const json::Value& item) {
            return item.find("status") && item.find("status")->if_int64();
        };
        if (!results || results->size() != batch.size() || !std::ranges::all_of(*results, has_status))
            return state_.fail(server_.bad_answer("answered without a result with a status for each row"));

        const std::size_t before = batch.size();
        const std::string reason = take_results(*results, batch);
        if (batch.size() < before) backoff_.reset();
        if (!batch.empty() && !wait(std::nullopt, reason)) return;
    }
}

std::string ImportSender::take_results(const json::Array& results, Batch& batch) {
    std::vector<ItemEnd> ends;
    for (std::size_t i = 0; i < results.size(); ++i) ends.push_back(end_of(results[i], batch[i]));
    end_overtaken(batch, ends);

    Batch left;
    std::string reason;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (ends[i].end) {
            state_.count(*ends[i].end);
            continue;
        }
        reason = std::move(ends[i].reason);
        left.push_back(std::move(batch[i]));
    }
    batch = std::move(left);
    return reason;
}

}  // namespace ledgerline::cli
