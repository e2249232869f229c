#include "letters/pg_dead_letter_store.h"

#include "base/base64.h"
#include "base/json.h"
#include "sql/queries.h"

namespace ledgerline::letters {
namespace {

db::ConnectionConfig without_durable_commits(db::ConnectionConfig config) {
    config.durable_commits = false;
    return config;
}

// Decodes what the worker wrote as base64; text that is not base64 is returned unchanged.
std::string decoded(const std::string& text) { return from_base64(text).value_or(text); }

// From an array of [name, value], or [name, value, "base64"] with both encoded. Elements of any other form were not
// written by a worker and are left out.
std::vector<Header> headers_of(std::string_view json_text) {
    std::vector<Header> headers;
    const auto parsed = json::parse(json_text);
    const json::Array* items = parsed ? parsed->if_array() : nullptr;
    for (std::size_t i = 0; items && i < items->size(); ++i) {
        const json::Array* pair = (*items)[i].if_array();
        const std::string* name = pair && pair->size() >= 2 ? (*pair)[0].if_string() : nullptr;
        const std::string* value = name ? (*pair)[1].if_string() : nullptr;
        if (!value) continue;
        if (pair->size() > 2)
            headers.emplace_back(decoded(*name), decoded(*value));
        else
            headers.emplace_back(*name, *value);
    }
    return headers;
}

DeadLetter letter_of(sql::LettersUnannouncedLetters::Row row) {
    return {.id = row.id,
            .topic = std::move(row.topic),
            .partition = row.partition,
            .offset = row.offset,
            .original = {std::move(row.message_key.bytes), std::move(row.value.bytes), headers_of(row.headers)},
            .value_bytes = row.value_bytes,
            .error_class = std::move(row.error_class),
            .error_code = std::move(row.error_code),
            .error_message = std::move(row.error_message),
            .attempts = row.attempts,
            .first_failed_at = row.first_failed_at,
            .last_failed_at = row.last_failed_at};
}

}  // namespace

PgDeadLetterStore::PgDeadLetterStore(db::ConnectionConfig config, Metrics& metrics)
    : session_(without_durable_commits(std::move(config)), metrics, "dead-letters") {}

Result<std::vector<DeadLetter>> PgDeadLetterStore::read_unannounced(const std::string& owner, const Uuid& after,
                                                                    std::size_t letters_max, std::size_t bytes_max) {
    return session_.run([&](db::Connection& connection) -> Result<std::vector<DeadLetter>> {
        LEDGERLINE_TRY(auto rows, connection.query(sql::LettersUnannouncedLetters{
                                      .owner = owner,
                                      .after = after,
                                      .letters_max = static_cast<std::int64_t>(letters_max),
                                      .value_bytes_max = int{dead_letter_value_bytes_max},
                                      .bytes_max = static_cast<std::int64_t>(bytes_max)}));
        std::vector<DeadLetter> letters;
        letters.reserve(rows.size());
        for (auto& row : rows) letters.push_back(letter_of(std::move(row)));
        return letters;
    });
}

Result<void> PgDeadLetterStore::mark_announced(std::span<const Uuid> ids) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.execute(sql::LettersMarkAnnounced{.ids = ids}));
        return {};
    });
}

Result<std::int64_t> PgDeadLetterStore::count_unannounced() {
    return session_.run([&](db::Connection& connection) -> Result<std::int64_t> {
        LEDGERLINE_TRY(const auto counted, connection.query_row(sql::LettersCountUnannounced{}));
        return counted.letters;
    });
}

}  // namespace ledgerline::letters
