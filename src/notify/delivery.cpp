#include "notify/delivery.h"

#include "base/json.h"
#include "base/json_object.h"

namespace ledgerline::notify {
namespace {

std::string tries_json(const std::vector<Attempt>& tries) {
    std::string out = "[";
    for (const Attempt& each : tries) {
        if (out.size() > 1) out.push_back(',');
        JsonObject(out)
            .add("at", each.at)
            .add("status", each.status > 0 ? std::optional(each.status) : std::nullopt)
            .add("duration_ms", static_cast<std::int64_t>(each.duration.count()))
            .add("error", each.error.empty() ? std::nullopt : std::optional(each.error))
            .close();
    }
    out.push_back(']');
    return out;
}

std::string_view name_of(Fate fate) {
    switch (fate) {
        case Fate::pending:
            return "PENDING";
        case Fate::delivered:
            return "DELIVERED";
        case Fate::failed:
            return "FAILED";
    }
    LEDGERLINE_ASSERT(false);
}

std::int64_t integer_of(const json::Value& object, std::string_view member) {
    const json::Value* value = object.find(member);
    return value ? value->if_int64().value_or(0) : 0;
}

}  // namespace

std::string Delivery::text() const {
    if (!outcome) return body;
    std::string text;
    append_json(*outcome, text);
    return text;
}

void append_row(const Delivery& delivery, Fate fate, const Uuid& webhook_id, std::int64_t epoch, std::string& out) {
    const bool has_place = delivery.lane.has_value();
    JsonObject(out)
        .add("id", delivery.id)
        .add("webhook_id", webhook_id)
        .add("epoch", epoch)
        .add("event_id", delivery.event_id)
        .add("event_type", delivery.event_type)
        .add("account_id", delivery.account_id)
        .add("lane", delivery.lane)
        .add("seq", has_place ? std::optional(delivery.place.seq) : std::nullopt)
        .add("nth", has_place ? std::optional(delivery.place.nth) : std::nullopt)
        .add("body", has_place ? std::nullopt : std::optional(delivery.body))
        .add("tries_max", delivery.tries_max)
        .add("status", name_of(fate))
        .add("attempts", delivery.attempts)
        .add_raw("tries", tries_json(delivery.tries))
        .add("first_attempt_at", delivery.first_attempt_at)
        .add("next_attempt_at", fate == Fate::pending ? delivery.next_attempt_at : std::nullopt)
        .add("created_at", delivery.created_at)
        .close();
}

std::vector<Attempt> parse_tries(const std::string& json) {
    std::vector<Attempt> tries;
    const auto parsed = json::parse(json);
    const json::Array* items = parsed ? parsed->if_array() : nullptr;
    if (!items) return tries;
    for (const json::Value& item : *items) {
        const json::Value *at = item.find("at"), *error = item.find("error");
        const auto time = at && at->if_string() ? parse_rfc3339(*at->if_string()) : std::nullopt;
        if (!time) continue;
        tries.push_back({.at = *time,
                         .status = static_cast<int>(integer_of(item, "status")),
                         .duration = milliseconds(integer_of(item, "duration_ms")),
                         .error = error && error->if_string() ? *error->if_string() : ""});
    }
    return tries;
}

}  // namespace ledgerline::notify
