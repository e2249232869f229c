// /v1/dead-letters: operators look at what could not be applied, and decide: replay or discard.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "api/approvals.h"
#include "api/database.h"
#include "api/dead_letter_requests.h"
#include "base/uuid.h"
#include "base/wakeup.h"
#include "http/router.h"
#include "observe/tracer.h"

namespace ledgerline::api {

class DeadLetterEndpoints {
public:
    // All arguments must outlive it. publisher_wakeup is notified after a replay, outcome_wakeup after a discard.
    DeadLetterEndpoints(Database& database, Approvals& approvals, Wakeup& publisher_wakeup, Wakeup& outcome_wakeup,
                        const ProcessContext& context)
        : database_(database),
          approvals_(approvals),
          ids_(context.ids),
          publisher_wakeup_(publisher_wakeup),
          outcome_wakeup_(outcome_wakeup),
          tracer_(context.tracer) {
        approvals_.when_approved(ApprovedAction::discard,
                                 [this](http::Request& request) { return decide(request, Decision::discard); });
    }

    // This must outlive the router.
    void add_routes(http::Router& router);

private:
    using Answer = boost::asio::awaitable<http::Response>;
    enum class Decision { replay, discard };

    Answer get(http::Request& request);
    Answer list(http::Request& request);
    Answer summary(const http::Request& request);
    Answer discard(http::Request& request);
    Answer decide(http::Request& request, Decision decision);
    Answer replay(const http::Request& request, const Uuid& id, const DecisionRequest& who);

    Database& database_;
    Approvals& approvals_;
    UuidGenerator& ids_;
    Wakeup& publisher_wakeup_;
    Wakeup& outcome_wakeup_;
    Tracer& tracer_;
};

}  // namespace ledgerline::api
