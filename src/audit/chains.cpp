#include "audit/chains.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "sql/queries.h"

namespace ledgerline::audit {
namespace {

std::string sha256(const std::string& bytes) {
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    return {hash.begin(), hash.end()};
}

class Chain {
public:
    Chain(const sql::AuditChains::Row& end, VerifyReport& report) : end_(end), report_(report) {}

    // The next row that is there. What is wrong is said where it begins: the rows after it are held against it as it
    // is.
    void take(const sql::AuditChainRows::Row& row) {
        report_.examine(Check::audit);
        if (row.number != number_ + 1)
            say(number_ + 1, row.id.to_string(), fmt::format("the rows before {} are missing", row.number));
        else if (row.hash.bytes != sha256(hash_ + row.text))
            say(row.number, row.id.to_string(),
                "the row is not what its hash covers, or does not follow the one before");
        number_ = row.number;
        hash_ = row.hash.bytes;
    }

    void finish() {
        if (end_.last_number != end_.number)
            say(end_.last_number, "",
                fmt::format("the chain ends with row {}, but {} were written", end_.last_number, end_.number));
        else if (hash_ != end_.hash.bytes)
            say(number_, "", "the last row has another hash than the one that was kept");
    }

private:
    void say(std::int64_t number, std::string id, std::string detail) {
        report_.violate(Check::audit, {end_.chain, number, std::move(id), std::move(detail)});
    }

    const sql::AuditChains::Row& end_;
    VerifyReport& report_;
    std::int64_t number_ = 0;
    std::string hash_;
};

}  // namespace

Result<void> check_chains(db::Connection& connection, std::int64_t stretch, VerifyReport& report) {
    LEDGERLINE_TRY(const auto ends, connection.query(sql::AuditChains{}));
    for (const auto& end : ends) {
        Chain chain(end, report);
        for (std::int64_t after = 0; after < end.number; after += stretch) {
            LEDGERLINE_TRY(const auto rows, connection.query(sql::AuditChainRows{
                                                end.chain, after, std::min(end.number, after + stretch)}));
            for (const auto& row : rows) chain.take(row);
        }
        chain.finish();
    }
    return {};
}

}  // namespace ledgerline::audit
