#include "cli/bulk_decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/backoff.h"
#include "base/uuid.h"
#include "cli/amounts.h"
#include "cli/operator_option.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr int kPageLetters = 100;
constexpr int kSampleLetters = 5;
constexpr unsigned kTriesMax = 5;
constexpr Backoff::Limits kRetryPause{milliseconds(200), milliseconds(5000)};

const Field kGroupFields[] = {
    {"error_class", "error_class"}, {"error_code", "error_code"}, {"count", "letters", Align::right}};
const Field kAmountFields[] = {
    {"type", "type"}, {"count", "letters", Align::right}, {"amount", "amount", Align::right}};
const Field kSampleFields[] = {{"id", "id"},
                               {"lane", "lane", Align::right},
                               {"seq", "seq", Align::right},
                               {"error_class", "error_class"},
                               {"error_code", "error_code"},
                               {"last_failed_at", "last_failed_at"},
                               {"transaction_id", "transaction_id"}};

// The elements of the array; empty when there is none.
std::vector<json::Value> items_of(const json::Value& object, std::string_view member) {
    const json::Value* value = object.find(member);
    const json::Array* items = value ? value->if_array() : nullptr;
    return items ? *items : json::Array();
}

std::int64_t count_of(const json::Value& object) {
    const json::Value* count = object.find("count");
    return count ? count->if_int64().value_or(0) : 0;
}

class BulkDecision {
public:
    BulkDecision(const roles::Environment& environment, const BulkSettings& settings, Server& server)
        : environment_(environment), settings_(settings), server_(server), backoff_(kRetryPause, environment.random) {
        UuidGenerator ids(environment.clock, environment.random);
        bulk_id_ = ids.next().to_string();
    }

    Result<int> run() {
        LEDGERLINE_CHECK(look());
        if (!settings_.execute) {
            LEDGERLINE_TRY(const std::optional<int> code, show_and_ask());
            if (code) return *code;
        }
        if (total_ == 0) return print_result(roles::exit_ok);
        say(environment_, fmt::format("{} {} dead letters, bulk id {}", verb(), total_, bulk_id_));
        const Result<void> done = decide_all();
        if (!done) {
            print_result(roles::exit_ok);
            return std::unexpected(done.error());
        }
        return print_result(interrupted_   ? roles::exit_interrupted
                            : refused_ > 0 ? roles::exit_refused
                                           : roles::exit_ok);
    }

private:
    bool replays() const { return settings_.decision == "replay"; }
    const char* verb() const { return replays() ? "Replaying" : "Discarding"; }

    // Reads how many letters there are to decide at this moment.
    Result<void> look() {
        LEDGERLINE_TRY(summary_,
                       server_.get("/v1/dead-letters/summary?state=PARKED" + settings_.letters.all(), "count"));
        selected_ = count_of(summary_);
        for (const json::Value& group : items_of(summary_, "groups"))
            if (replays() && text_of(group, "error_class") == "foreign") foreign_ += count_of(group);
        total_ = std::min(selected_ - foreign_, settings_.letters_max);
        // In the server's time, and before any bound given by the user: letters that fail from now on are later.
        if (const auto newest = parse_rfc3339(text_of(summary_, "newest_failed_at")))
            failed_before_ = query_of("failed_before", format_rfc3339(*newest + std::chrono::microseconds(1)));
        return {};
    }

    Result<json::Value> page(int letters, const std::string& cursor) {
        return server_.get(fmt::format("/v1/dead-letters?state=PARKED&order=oldest&limit={}{}{}{}", letters,
                                       settings_.letters.filters, failed_before_, query_of("cursor", cursor)),
                           "dead_letters");
    }

    // Empty when somebody at the terminal says yes; otherwise the exit code.
    Result<std::optional<int>> show_and_ask() {
        LEDGERLINE_CHECK(show_dry_run());
        // JSON is for programs, which must pass --yes.
        if (!environment_.terminal || settings_.output.documents() || total_ == 0) {
            say(environment_, "Nothing was done: repeat the command with --yes to do it.");
            return roles::exit_ok;
        }
        const std::string question = fmt::format("{} these {} dead letters?", replays() ? "Replay" : "Discard", total_);
        if (confirmed(environment_, question)) return std::nullopt;
        say(environment_, "Nothing was done.");
        return roles::exit_refused;
    }

    Result<void> show_dry_run() {
        std::vector<json::Value> sample;
        if (selected_ > 0) {
            LEDGERLINE_TRY(const json::Value found, page(kSampleLetters, ""));
            sample = items_of(found, "dead_letters");
        }
        if (settings_.output.documents()) {
            print_object(environment_, settings_.output,
                         json::Object{{"dry_run", true},
                                      {"decision", settings_.decision},
                                      {"selected", selected_},
                                      {"foreign_left_out", foreign_},
                                      {"would_decide", total_},
                                      {"groups", items_of(summary_, "groups")},
                                      {"amounts", items_of(summary_, "amounts")},
                                      {"sample", std::move(sample)}});
        } else {
            print_list(environment_, settings_.output, kGroupFields, items_of(summary_, "groups"), "");
            environment_.out << '\n';
            print_list(environment_, settings_.output, kAmountFields,
                       for_people(items_of(summary_, "amounts"), amounts_of(server_)), "");
            environment_.out << fmt::format("\nThe oldest {} of them:\n", sample.size());
            print_list(environment_, settings_.output, kSampleFields, sample, "");
        }
        say(environment_, fmt::format("{} parked letters are selected, {} would be {}.{}", selected_, total_,
                                      replays() ? "replayed" : "discarded",
                                      foreign_ > 0 ? " Foreign ones can only be discarded." : ""));
        return {};
    }

    Result<void> decide_all() {
        Progress progress(environment_, verb(), "letters", total_);
        next_at_ = environment_.clock.steady_now();
        std::string cursor;
        do {
            LEDGERLINE_TRY(const json::Value found, page(kPageLetters, cursor));
            for (const json::Value& letter : items_of(found, "dead_letters")) {
                if (replays() && text_of(letter, "error_class") == "foreign") continue;
                if (seen_ >= total_ || pause_until(next_at_)) return {};
                next_at_ += std::chrono::nanoseconds(std::chrono::seconds(1)) / settings_.letters_per_second;
                LEDGERLINE_CHECK(decide(text_of(letter, "id")));
                if (interrupted_) return {};
                progress.update(++seen_);
            }
            cursor = text_of(found, "next_cursor");
        } while (!cursor.empty());
        return {};
    }

    // Waits until then. Returns whether it was interrupted, which it checks even when there is nothing to wait for.
    bool pause_until(SteadyTime time) {
        const auto left = std::chrono::ceil<milliseconds>(time - environment_.clock.steady_now());
        interrupted_ = interrupted_ || settings_.wait_interrupt(std::max(milliseconds(0), left));
        return interrupted_;
    }

    // Retries a few times while the server is busy or away.
    Result<void> decide(const std::string& id) {
        for (unsigned tries = 1;; ++tries) {
            auto answer =
                server_.call("POST", letter_path(id) + "/" + settings_.decision,
                             decision_body(settings_.reason, bulk_id_), operator_header(settings_.operator_name));
            const bool again = answer ? answer->retryable() : answer.error().disposition == Disposition::retry;
            if (!again || tries == kTriesMax) return note(id, answer);
            const milliseconds least = answer ? answer->retry_after.value_or(milliseconds(0)) : milliseconds(0);
            if (pause_until(environment_.clock.steady_now() + std::max(least, backoff_.next()))) return {};
        }
    }

    Result<void> note(const std::string& id, const Result<Answer>& answer) {
        if (!answer) return std::unexpected(answer.error());
        backoff_.reset();
        if (answer->retryable() || answer->status == 401 || answer->status == 403)
            return std::unexpected(server_.error_of(*answer));
        const std::vector<json::Value> audit = items_of(answer->body, "audit");
        if (answer->status == 202) {
            ++awaiting_approval_;  // of another key
        } else if (answer->ok() && !audit.empty() && text_of(audit.front(), "bulk_id") == bulk_id_) {
            ++decided_;
        } else if (answer->ok()) {
            ++decided_before_;  // by another command or operator, since the page was read
        } else {
            ++refused_;
            say(environment_, fmt::format("ledgerline: {}: {}", id, server_.error_of(*answer).message));
        }
        return {};
    }

    int print_result(int code) {
        print_object(
            environment_, settings_.output,
            json::Object{{"decision", settings_.decision},
                         {"bulk_id", bulk_id_},
                         {"selected", selected_},
                         {"foreign_left_out", foreign_},
                         {"decided", decided_},
                         {"decided_by_others", decided_before_},
                         {"awaiting_approval", awaiting_approval_},
                         {"refused", refused_},
                         {"left", selected_ - foreign_ - decided_ - decided_before_ - awaiting_approval_ - refused_}});
        if (interrupted_) say(environment_, "Interrupted. Run the same command again for the rest.");
        return code;
    }

    const roles::Environment& environment_;
    const BulkSettings& settings_;
    Server& server_;
    Backoff backoff_;
    std::string bulk_id_;
    std::string failed_before_;
    json::Value summary_;
    std::int64_t selected_ = 0, foreign_ = 0, total_ = 0;
    std::int64_t seen_ = 0, decided_ = 0, decided_before_ = 0, awaiting_approval_ = 0, refused_ = 0;
    SteadyTime next_at_;
    bool interrupted_ = false;
};

}  // namespace

std::string letter_path(const std::string& letter_id) { return "/v1/dead-letters/" + http::percent_encode(letter_id); }

std::string decision_body(const std::string& reason, const std::string& bulk_id) {
    json::Object body;
    if (!reason.empty()) body.emplace_back("reason", reason);
    if (!bulk_id.empty()) body.emplace_back("bulk_id", bulk_id);
    return body.empty() ? "" : json::serialize(std::move(body));
}

Result<int> decide_in_bulk(const roles::Environment& environment, const BulkSettings& settings, Server& server) {
    return BulkDecision(environment, settings, server).run();
}

}  // namespace ledgerline::cli
