// /v1/transactions, /v1/transfers and /v1/holds: post one or many, reverse, read, list, trace.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "api/database.h"
#include "api/outcome_watcher.h"
#include "api/transaction_request.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "http/router.h"
#include "http/server/api_keys.h"
#include "intake/intake.h"
#include "observe/process_context.h"

namespace ledgerline::api {

// Memory of one item in addition to the request's text: as a row, and in the answer.
inline constexpr std::size_t answer_item_bytes = 640;
// What a problem around it takes besides.
inline constexpr std::size_t answer_problem_bytes = 640;

class TransactionEndpoints {
public:
    // All of them must outlive the endpoints.
    struct Services {
        intake::IntakeBatcher& intake;
        Database& payments;  // for what has to be read before or after a payment
        Database& reads;
        OutcomeWatcher& watcher;
        const http::ApiKeys& keys;
    };

    TransactionEndpoints(const Services& services, const ProcessContext& context)
        : intake_(services.intake),
          payments_(services.payments),
          reads_(services.reads),
          watcher_(services.watcher),
          keys_(services.keys),
          ids_(context.ids),
          clock_(context.clock),
          tracer_(context.tracer) {}

    // This must outlive the router.
    void add_routes(http::Router& router);

    // Large batches that are not parsed yet stay unanswered. Call it while their requests still exist. Idempotent.
    void stop();

private:
    using Answer = boost::asio::awaitable<http::Response>;
    // The result for one item of a request.
    struct Accepted {
        TransactionRecord transaction;
        bool replayed = false;
    };
    using Outcome = std::expected<Accepted, http::Problem>;
    struct Outcomes {
        std::vector<Outcome> items;
        std::optional<std::chrono::seconds> waited;
        bool strict = false;  // what ended as FAILED is answered as a problem
    };

    using Parser = std::expected<TransactionRequest, http::Problem> (*)(const json::Value&, std::string,
                                                                        const std::optional<std::string>&);
    Answer post(http::Request& request, Parser parse);
    boost::asio::awaitable<std::expected<BatchItems, http::Response>> take_item(http::Request& request, Parser parse);
    // In dry_run.cpp: what would become of the request now. Stores nothing.
    Answer dry_run(const http::Request& request, BatchItems items);
    static constexpr std::string_view dry_run_parameters[] = {"dry_run"};
    Answer post_batch(http::Request& request);
    Answer get(const http::Request& request);
    Answer trace(http::Request& request);
    Answer list(http::Request& request);

    // They write answers only; no member is read.
    static http::Response answer_to_post(const Outcomes& outcomes);
    static http::Response answer_to_batch(Outcomes outcomes);
    static void name_preferences(const Outcomes& outcomes, http::Response& response);

    void add_reversal_routes(http::Router& router);
    Answer reverse(http::Request& request);
    boost::asio::awaitable<std::optional<http::Problem>> bind_to_reversed(const http::Request& request,
                                                                          TransactionRequest& reversal);
    void add_hold_routes(http::Router& router);
    Answer post_hold(http::Request& request);
    Answer settle_hold(http::Request& request, TransactionType type);
    Answer get_hold(const http::Request& request);
    Answer list_holds(http::Request& request);
    // The hold that a capture or release names, as far as intake can judge the request by it.
    boost::asio::awaitable<std::optional<http::Problem>> bind_to_hold(const http::Request& request,
                                                                      TransactionRequest& settles);
    boost::asio::awaitable<std::optional<http::Problem>> check_new_hold(const http::Request& request,
                                                                        const TransactionRequest& hold);
    Answer answer(const http::Request& request, BatchItems items);

    boost::asio::awaitable<ParsedBatch> parse(std::string_view body);

    // Has the well-formed items accepted, in order, and waits for their outcomes if the request prefers that.
    boost::asio::awaitable<Outcomes> accept(const http::Request& request, BatchItems items);
    boost::asio::awaitable<void> resolve_names(const http::Request& request, BatchItems& items);
    static void follow_previous(BatchItems::value_type& follower, const BatchItems::value_type& previous,
                                std::span<const intake::IntakeItem> well_formed);
    boost::asio::awaitable<intake::IntakeAnswers> take_in(const http::Request& request, BatchItems& items);
    boost::asio::awaitable<void> load_replayed(const http::Request& request, std::vector<Outcome>& outcomes);
    boost::asio::awaitable<bool> wait_for(std::vector<Outcome>& outcomes, std::chrono::seconds wait);

    intake::IntakeBatcher& intake_;
    Database& payments_;
    Database& reads_;
    OutcomeWatcher& watcher_;
    const http::ApiKeys& keys_;
    UuidGenerator& ids_;
    const Clock& clock_;
    Tracer& tracer_;
    // Parses large batches, one at a time: on an HTTP thread each would hold up that thread's small requests.
    boost::asio::thread_pool parser_{1};
};

}  // namespace ledgerline::api
