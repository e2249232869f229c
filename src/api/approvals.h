// Approvals: four eyes. What one caller asks for is stored, and done when another one approves it.
//
// Each belongs to the tenant of what it is about, like everything that a caller sees. The policy says which actions
// need that. Who approves needs the scope of the action and is never who asked. The request is then executed as the
// approver's: the audit has who asked, who approved and what was done.
//
// It is executed after the approval is committed. When that fails, who approved says so again, until it expires.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "api/database.h"
#include "api/header_fields.h"
#include "api/records.h"
#include "base/uuid.h"
#include "http/router.h"
#include "observe/process_context.h"

namespace ledgerline::api {

enum class ApprovedAction { discard, suspend, close };

// What is asked for: that this is done to the dead letter or account with that id.
struct ApprovalSubject {
    ApprovedAction action;
    Uuid id;
};

struct ApprovalPolicy {
    static constexpr std::int64_t pending_max = 1000;  // of a tenant

    std::set<ApprovedAction> actions = {};                   // that need an approval
    std::chrono::seconds lifetime = std::chrono::hours(24);  // of a request

    // Takes names of actions, separated by commas: "discard,suspend,close". Returns the rule that text breaks, worded
    // to follow "must be", or "".
    std::string take(std::string_view text);
};

class Approvals {
public:
    using Answer = boost::asio::awaitable<http::Response>;
    // Does at once what the request asks for; its path and body are those of the caller who asked.
    using Execute = std::function<Answer(http::Request&)>;

    // Arguments must outlive it.
    Approvals(ApprovalPolicy policy, Database& database, const ProcessContext& context)
        : policy_(std::move(policy)), database_(database), ids_(context.ids) {}

    // Both before the first request. This must outlive the router.
    void add_routes(http::Router& router);
    void when_approved(ApprovedAction action, Execute execute) { executes_[action] = std::move(execute); }

    bool needed(ApprovedAction action) const { return policy_.actions.contains(action); }
    // Stores the request, which is one that could be executed: 202 with the approval, or why it cannot be asked for.
    Answer ask(const http::Request& request, const Caller& caller, ApprovalSubject wanted);

private:
    enum class Verdict { approve, reject };
    Answer list(http::Request& request);
    Answer get(const http::Request& request);
    Answer decide(http::Request& request, Verdict verdict);
    Answer execute(http::Request& request, ApprovalRecord approval);
    boost::asio::awaitable<Result<std::vector<ApprovalRecord>>> find(const http::Request& request, const Uuid& id);

    const ApprovalPolicy policy_;
    Database& database_;
    UuidGenerator& ids_;
    std::map<ApprovedAction, Execute> executes_;
};

}  // namespace ledgerline::api
