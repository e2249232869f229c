// PgDeadLetterStore: the feed's database. dead_letter_store.h says what each call guarantees.
#pragma once

#include "db/session.h"
#include "letters/dead_letter_store.h"
#include "observe/metrics.h"

namespace ledgerline::letters {

class PgDeadLetterStore final : public DeadLetterStore {
public:
    // Connects on first use. Its commits are asynchronous, whatever config says: a mark lost in a crash only makes a
    // letter go out twice.
    PgDeadLetterStore(db::ConnectionConfig config, Metrics& metrics);

    Result<std::vector<DeadLetter>> read_unannounced(const std::string& owner, const Uuid& after,
                                                     std::size_t letters_max, std::size_t bytes_max) override;
    Result<void> mark_announced(std::span<const Uuid> ids) override;
    Result<std::int64_t> count_unannounced() override;

private:
    db::Session session_;
};

}  // namespace ledgerline::letters
