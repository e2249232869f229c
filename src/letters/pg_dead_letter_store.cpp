#include "letters/pg_dead_letter_store.h"

#include <sodium.h>

#include "base/json.h"
#include "sql/queries.h"

namespace ledgerline::letters {
namespace {

db::ConnectionConfig without_durable_commits(db::ConnectionConfig config) {
    config.durable_commits = false;
    return config;
}

// Decodes what the worker wrote as base64; text that is not base64 is returned unchanged.
std::string decoded(const std::string& text) {
    std::string bytes(text.size(), '\0');
    std::size_t length = 0;
    const bool fine = sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                                        text.size(), nullptr, &length, nullptr, sodium_base64_VARIANT_ORIGINAL) == 0;
    if (!fine) return text;
    bytes.resize(length);
    return bytes;
}

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

DeadLetter letter_of(const db::Rows& rows, std::size_t row) {
    DeadLetter letter;
    letter.id = rows.uuid(row, 0);
    letter.topic = rows.text(row, 1);
    letter.partition = static_cast<int>(rows.int64(row, 2));
    letter.offset = rows.int64(row, 3);
    letter.original.key = rows.bytes(row, 4);
    letter.original.value = rows.bytes(row, 5);
    letter.value_bytes = rows.int64(row, 6);
    letter.original.headers = headers_of(rows.text(row, 7));
    letter.error_class = rows.text(row, 8);
    letter.error_code = rows.text(row, 9);
    letter.error_message = rows.text(row, 10);
    letter.attempts = static_cast<int>(rows.int64(row, 11));
    letter.first_failed_at = rows.time(row, 12);
    letter.last_failed_at = rows.time(row, 13);
    return letter;
}

}  // namespace

PgDeadLetterStore::PgDeadLetterStore(db::ConnectionConfig config, Metrics& metrics)
    : session_(without_durable_commits(std::move(config)), metrics, "dead-letters") {}

Result<std::vector<DeadLetter>> PgDeadLetterStore::read_unannounced(const std::string& owner, const Uuid& after,
                                                                    std::size_t letters_max, std::size_t bytes_max) {
    return session_.run([&](db::Connection& connection) -> Result<std::vector<DeadLetter>> {
        db::Params params;
        params.add(owner).add(after).add(static_cast<std::int64_t>(letters_max));
        params.add(static_cast<std::int64_t>(dead_letter_value_bytes_max)).add(static_cast<std::int64_t>(bytes_max));
        LEDGERLINE_TRY(const db::Rows rows, connection.query(sql::letters_unannounced_letters, params));
        std::vector<DeadLetter> letters;
        for (std::size_t row = 0; row < rows.size(); ++row) letters.push_back(letter_of(rows, row));
        return letters;
    });
}

Result<void> PgDeadLetterStore::mark_announced(std::span<const Uuid> ids) {
    return session_.run([&](db::Connection& connection) -> Result<void> {
        LEDGERLINE_CHECK(connection.query(sql::letters_mark_announced, db::Params().add_array(ids)));
        return {};
    });
}

Result<std::int64_t> PgDeadLetterStore::count_unannounced() {
    return session_.run([&](db::Connection& connection) -> Result<std::int64_t> {
        LEDGERLINE_TRY(const db::Rows rows, connection.query(sql::letters_count_unannounced));
        return rows.int64(0, 0);
    });
}

}  // namespace ledgerline::letters
