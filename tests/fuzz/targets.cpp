#include "fuzz/targets.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "api/list_query.h"
#include "api/transaction_request.h"
#include "base/amount_text.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/jsonb.h"
#include "base/money.h"
#include "base/text.h"
#include "base/uuid.h"
#include "cli/import/csv.h"
#include "cli/import/rows.h"
#include "domain/event.h"
#include "http/fuzz_entry.h"
#include "http/server/browsers.h"
#include "http/tokens/claims.h"
#include "http/tokens/jws.h"
#include "http/tokens/verification_key.h"
#include "observe/trace.h"

namespace ledgerline::test {
namespace {

std::vector<std::string> lines_of(std::string_view bytes) {
    std::vector<std::string> lines;
    std::istringstream text{std::string(bytes)};
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

// What was parsed is written as valid JSON of the same meaning, and so is what is stored of it.
void json_text(std::string_view bytes) {
    const auto value = json::parse(bytes);
    if (!value) return;
    const std::string written = json::serialize(*value);
    const auto again = json::parse(written);
    LEDGERLINE_ASSERT(again && json::serialize(*again) == written && json::equivalent(*value, *again));
    const auto stored = json::to_jsonb(*value);
    if (!stored) return;
    const auto read_back = json::parse(*stored);
    LEDGERLINE_ASSERT(read_back && json::to_jsonb(*read_back) == *stored && json::is_same_jsonb(*stored, *stored));
    LEDGERLINE_ASSERT(stored->size() <= json::JsonbLimits{}.bytes_max);
}

// Amounts, ids, times and assets mean what is written of them.
void money_and_ids(std::string_view bytes) {
    for (const int exponent : {0, 2, exponent_max}) {
        const auto amount = parse_amount(bytes, exponent, "EUR");
        if (!amount) continue;
        LEDGERLINE_ASSERT(*amount >= 1 && *amount <= amount_cents_max && broken_amount_rule(bytes).empty());
        std::string shown = amount_text(*amount, exponent, "");
        shown.erase(std::min(shown.find(' '), shown.size()));
        std::erase(shown, ',');
        LEDGERLINE_ASSERT(parse_amount(shown, exponent, "EUR") == *amount);
    }
    if (const auto id = Uuid::parse(bytes)) LEDGERLINE_ASSERT(id->to_string() == lower(bytes));
    if (const auto time = parse_rfc3339(bytes)) {
        const auto again = parse_rfc3339(format_rfc3339(*time));
        LEDGERLINE_ASSERT(again && std::chrono::abs(*again - *time) < std::chrono::milliseconds(1));
    }
    if (const auto assets = parse_assets(bytes))
        for (const Asset& asset : *assets)
            LEDGERLINE_ASSERT(is_currency_form(asset.code) && asset.exponent.value_or(0) <= exponent_max);
}

// A message's headers, one on each line: "name:value".
void event_headers(std::string_view bytes) {
    Message message;
    for (const std::string& line : lines_of(bytes)) {
        const std::size_t colon = std::min(line.find(':'), line.size());
        message.headers.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
    }
    const auto announced = decode(message);
    if (!announced) {
        LEDGERLINE_ASSERT(announced.error().code == "undecodable" && is_utf8(announced.error().message));
        return;
    }
    LEDGERLINE_ASSERT(announced->lane >= 0 && announced->seq >= 1);
}

// A file to import. Every record is read whole or named as wrong; a cell that is printed is one cell of that content.
void csv_file(std::string_view bytes) {
    std::istringstream in{std::string(bytes)};
    cli::CsvReader reader(in);
    cli::CsvRecord record;
    auto more = reader.next(record);
    if (!more || !*more) return;
    const auto rows = cli::RowReader::of_header(record, find_asset);
    while ((more = reader.next(record)) && *more) {
        LEDGERLINE_ASSERT(record.raw.size() <= cli::CsvReader::record_bytes_max);
        if (!record.defect.empty()) continue;
        std::string line;
        for (const std::string& field : record.fields) {
            if (!line.empty()) line += ',';
            append_csv_text(field, line);
        }
        cli::ImportRow row;
        if (rows && !rows->read(record, row)) LEDGERLINE_ASSERT(row.amount_cents >= 1 && !row.reference.empty());
    }
}

void csv_cell(std::string_view bytes) {
    std::string cell;
    append_csv_text(bytes, cell);
    std::istringstream in(cell + ",end\r\n");
    cli::CsvReader reader(in);
    cli::CsvRecord record;
    const auto read = reader.next(record);
    const bool is_mark = bytes.starts_with("\xEF\xBB\xBF");  // taken for that of the file
    if (is_mark || !read) return;
    LEDGERLINE_ASSERT(*read && record.defect.empty() && record.fields.size() == 2);
    const std::string_view text = record.fields[0];
    LEDGERLINE_ASSERT(text == bytes || (text.starts_with('\'') && text.substr(1) == bytes));
    LEDGERLINE_ASSERT(text.empty() || !std::string_view("=+-@\t\r").contains(text.front()));
}

// A cursor gives one position or a problem, and what is made of its position is a cursor for the same place.
void cursor(std::string_view bytes) {
    http::Request request;
    request.query = {{"cursor", std::string(bytes)}};
    const auto kinds = {api::CursorKind::id, api::CursorKind::seq, api::CursorKind::letter};
    // With the hash of the list, so that a fuzzer gets behind it.
    const std::string prefix = api::ListQuery(http::Request(), "fuzz", {}).cursor_after(std::int64_t{1}).substr(1, 16);
    if (bytes.size() > 1) request.query[0].second = bytes[0] + prefix + std::string(bytes.substr(1));
    const api::ListQuery query(request, "fuzz", {}, kinds);
    const int positions =
        query.after_id().has_value() + query.after_seq().has_value() + query.after_letter().has_value();
    if (query.problem()) return;
    LEDGERLINE_ASSERT(positions == 1 && query.after_seq().value_or(0) >= 0);
    http::Request again;
    again.query = {{"cursor", query.after_seq()  ? query.cursor_after(*query.after_seq())
                              : query.after_id() ? query.cursor_after(*query.after_id())
                                                 : query.cursor_after_letter(*query.after_letter())}};
    const api::ListQuery same(again, "fuzz", {}, kinds);
    LEDGERLINE_ASSERT(same.after_id() == query.after_id() && same.after_seq() == query.after_seq() &&
                      same.after_letter() == query.after_letter());
}

void traceparent(std::string_view bytes) {
    const auto context = TraceContext::parse(bytes);
    if (!context) return;
    LEDGERLINE_ASSERT(!context->trace_id.is_zero() && !context->span_id.is_zero());
    LEDGERLINE_ASSERT(TraceContext::parse(context->to_string()) == *context);
    LEDGERLINE_ASSERT(trace_id_of(bytes) == std::string_view(context->trace_id));
}

// The body of a payment, a transfer or a batch: either a request within its limits or a problem that can be written.
void payment(std::string_view bytes) {
    http::Request request;
    request.body = bytes;
    const auto body = api::parse_body(request);
    if (!body) return;
    for (const auto parse : {api::parse_transaction, api::parse_transfer}) {
        const auto parsed = parse(*body, "", std::nullopt);
        if (parsed)
            LEDGERLINE_ASSERT(parsed->item.amount_cents >= 1 && parsed->item.amount_cents <= amount_cents_max);
        else
            LEDGERLINE_ASSERT(json::parse(http::to_response(parsed.error()).body));
    }
}

// Host and Origin of a request, on a line each.
void browser(std::string_view bytes) {
    const std::vector<std::string> lines = lines_of(bytes);
    http::Request request;
    request.method = "POST";
    if (!lines.empty()) request.headers.emplace_back("host", lines[0]);
    if (lines.size() > 1) request.headers.emplace_back("origin", lines[1]);
    const http::Browsers browsers(std::vector<std::string>{"ledger.example"}, {"https://desk.example"});
    const auto answer = browsers.answer(request);
    LEDGERLINE_ASSERT(!answer || json::parse(answer->body));
    if (answer || lines.size() < 2 || lines[1] == "https://desk.example") return;
    const std::string own = lower(lines[0]);
    LEDGERLINE_ASSERT(lower(lines[1]).ends_with("://" + own));
}

// A token's text gives its parts or a reason for people. Its claims and a key set are tried as they are, too: a fuzzer
// finds no signatures.
void token(std::string_view bytes) {
    const auto is_reason = [](http::TokenFault why) { return !why.empty() && !why.contains('"') && is_utf8(why); };
    const auto jws = http::Jws::parse(bytes);
    if (jws)
        LEDGERLINE_ASSERT(bytes.starts_with(jws->signed_text) && bytes.size() <= http::Jws::bytes_max);
    else
        LEDGERLINE_ASSERT(is_reason(jws.error()));
    const http::TokenPolicy policy{.issuer = "https://a.example", .audiences = {"ledger"}, .scope_claim = "/a/scope"};
    const WallTime now(std::chrono::seconds(1'700'000'000));
    const auto claims = http::Claims::parse(jws ? std::string_view(jws->payload) : bytes, policy, now);
    if (claims)
        LEDGERLINE_ASSERT(claims->ends_at > now && !claims->subject.empty() && !has_byte_below(claims->subject, ' '));
    else
        LEDGERLINE_ASSERT(is_reason(claims.error()));
    const auto keys = http::KeySet::parse(bytes);
    LEDGERLINE_ASSERT(!keys || (keys->size() > 0 && keys->size() <= http::KeySet::keys_max));
    if (keys && jws)
        if (const auto* key = keys->find(jws->algorithm, jws->key_id))
            LEDGERLINE_ASSERT(!key->verifies(jws->signed_text, ""));
}

constexpr FuzzTarget kTargets[] = {
    {"request", http::fuzz_request},
    {"json", json_text},
    {"money", money_and_ids},
    {"event", event_headers},
    {"csv_file", csv_file},
    {"csv_cell", csv_cell},
    {"cursor", cursor},
    {"traceparent", traceparent},
    {"payment", payment},
    {"browser", browser},
    {"token", token},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

const FuzzTarget* find_fuzz_target(std::string_view name) {
    const auto found = std::ranges::find(kTargets, name, &FuzzTarget::name);
    return found == std::end(kTargets) ? nullptr : &*found;
}

}  // namespace ledgerline::test
