#include "cli/trace_timeline.h"

#include <fmt/format.h>

#include "base/amount_text.h"
#include "base/clock.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace ledgerline::cli {
namespace {

using Balance = std::function<std::string(std::int64_t cents)>;

const json::Value kNothing;

const json::Value& member_of(const json::Value& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value ? *value : kNothing;
}

std::string text(const json::Value& object, std::string_view name) { return cell_of(&member_of(object, name)); }

std::int64_t number(const json::Value& object, std::string_view name) {
    return member_of(object, name).if_int64().value_or(0);
}

// "1 event", "2,000 events".
std::string events(std::int64_t count) { return fmt::format("{} event{}", grouped(count), count == 1 ? "" : "s"); }

std::string place_of(const json::Value& event) {
    std::string place = fmt::format("event {}, lane {}, seq {}", text(event, "event_id"), text(event, "lane"),
                                    grouped(number(event, "seq")));
    if (const std::string trace_id = text(event, "trace_id"); !trace_id.empty()) place += ", trace " + trace_id;
    return place;
}

std::string offset_of(const json::Value& letter) {
    return fmt::format("{} partition {} offset {}", text(letter, "topic"), text(letter, "partition"),
                       text(letter, "offset"));
}

void add_published(std::vector<TraceStep>& steps, const json::Value& event) {
    const json::Value& letter = member_of(event, "dead_letter");
    steps.push_back(
        {"", "published", letter.is_null() ? fmt::format("partition {}", text(event, "lane")) : offset_of(letter)});
}

void add_letter(std::vector<TraceStep>& steps, const json::Value& letter) {
    steps.push_back({text(letter, "last_failed_at"), "parked",
                     fmt::format("dead letter {}: {} {}: {} ({} attempt{}, the first at {})", text(letter, "id"),
                                 text(letter, "error_class"), text(letter, "error_code"), text(letter, "error_message"),
                                 text(letter, "attempts"), number(letter, "attempts") == 1 ? "" : "s",
                                 text(letter, "first_failed_at"))});
    if (text(letter, "state") == "PARKED")
        steps.push_back({"", "waits", "for a decision: ledgerline dlq replay or discard " + text(letter, "id")});
}

void add_outcome(std::vector<TraceStep>& steps, const json::Value& outcome, const Balance& balance) {
    if (text(outcome, "status") == "PROCESSED")
        steps.push_back(
            {text(outcome, "processed_at"), "applied", "balance " + balance(number(outcome, "balance_after_cents"))});
    else
        steps.push_back({text(outcome, "processed_at"), "failed",
                         fmt::format("{}: {}", text(outcome, "failure_code"), text(outcome, "failure_reason"))});
}

std::string publisher_of(const json::Value& lane) {
    const std::string owner = text(lane, "owner");
    std::string told = owner.empty() ? "no publisher has the lane" : "the lane's publisher is " + owner;
    if (const std::string error = text(lane, "last_error"); !error.empty())
        told += fmt::format(", whose last {} attempts failed: {}", text(lane, "publish_attempts"), error);
    return told;
}

// What an event without an outcome or dead letter is waiting for.
TraceStep wait_of(const json::Value& event, const json::Value& lane) {
    const std::int64_t seq = number(event, "seq");
    if (member_of(event, "published").if_bool() && !*member_of(event, "published").if_bool())
        return {"", "waits",
                fmt::format("for a publisher, {} before it; {}",
                            events(seq - std::max(number(lane, "published_seq"), number(lane, "applied_seq")) - 1),
                            publisher_of(lane))};
    std::string told = fmt::format("for a worker, {} before it", events(seq - number(lane, "applied_seq") - 1));
    if (!member_of(lane, "failing_seq").is_null())
        told += fmt::format("; the one at seq {} has failed {} times", grouped(number(lane, "failing_seq")),
                            text(lane, "attempts"));
    return {"", "waits", told};
}

// decided: the dead letter that the event replays or discards; null for the first event.
void add_event(std::vector<TraceStep>& steps, const json::Value& event, const json::Value& decided,
               const json::Value& lane, const Balance& balance) {
    const bool replays = !member_of(event, "replay_of").is_null();
    if (replays || !member_of(event, "discard_of").is_null())
        steps.push_back({text(event, "created_at"), replays ? "replayed" : "discarded",
                         fmt::format("by {}, as {}", text(decided, "decided_by"), place_of(event))});
    else
        steps.push_back({text(event, "created_at"), "accepted", place_of(event)});
    const json::Value& published = member_of(event, "published");
    if (published.if_bool() && *published.if_bool()) add_published(steps, event);
    const json::Value& letter = member_of(event, "dead_letter");
    const json::Value& outcome = member_of(event, "outcome");
    if (!letter.is_null()) add_letter(steps, letter);
    if (!outcome.is_null()) add_outcome(steps, outcome, balance);
    if (letter.is_null() && outcome.is_null()) steps.push_back(wait_of(event, lane));
}

// "+12.345 ms" or "+3.2 s"; "" if a time is missing.
std::string since(const std::string& from, const std::string& to) {
    const auto first = parse_rfc3339(from);
    const auto last = parse_rfc3339(to);
    if (!first || !last) return "";
    const double ms = static_cast<double>((*last - *first).count()) / 1000;
    return ms < 1000 ? fmt::format("+{:.3f} ms", ms) : fmt::format("+{:.3f} s", ms / 1000);
}

}  // namespace

std::vector<TraceStep> timeline_of(const json::Value& trace, const WriteAmount& write) {
    // The first account has the currency of its transaction.
    const Balance balance = [&write, currency = text(member_of(trace, "transaction"), "currency")](std::int64_t cents) {
        return write(cents, currency);
    };
    std::vector<TraceStep> steps;
    const json::Array* all = member_of(trace, "events").if_array();
    if (!all) return steps;
    const json::Value* letter = &kNothing;
    for (const json::Value& event : *all) {
        add_event(steps, event, *letter, member_of(trace, "lane"), balance);
        letter = &member_of(event, "dead_letter");
    }
    return steps;
}

void print_timeline(std::ostream& out, const json::Value& trace, const WriteAmount& write) {
    const json::Value& transaction = member_of(trace, "transaction");
    const json::Value& lane = member_of(trace, "lane");
    out << printable(fmt::format("transaction {}: {} of {}, account {}: {}", text(transaction, "id"),
                                 text(transaction, "type"),
                                 write(number(transaction, "amount_cents"), text(transaction, "currency")),
                                 text(transaction, "account_id"), text(transaction, "status")))
        << "\n\n";
    Table table({{"time"}, {"since accepted", Align::right}, {"step"}, {"details"}});
    for (TraceStep& step : timeline_of(trace, write))
        table.add({step.at, since(text(transaction, "created_at"), step.at), step.name, step.details});
    table.print(out);
    const std::string owner = text(lane, "owner");
    out << '\n'
        << printable(fmt::format(
               "lane {}: accepted up to seq {}, published up to {}, applied up to {}; published by {}",
               text(lane, "lane"), grouped(number(lane, "last_seq")), grouped(number(lane, "published_seq")),
               grouped(number(lane, "applied_seq")), owner.empty() ? "nobody" : owner))
        << '\n';
}

}  // namespace ledgerline::cli
