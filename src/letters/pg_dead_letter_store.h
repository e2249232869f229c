// PgDeadLetterStore: the feed's database. See dead_letter_store.h for what each call promises.
#pragma once

#include "db/session.h"
#include "letters/dead_letter_store.h"
#include "observe/metrics.h"

namespace ledgerline::letters {

class PgDeadLetterStore final : public DeadLetterStore {
public:
    // Connects when it is first used. Its commits are not durable, whatever config says: a mark that a crash undoes
    // only makes a letter come twice.
    PgDeadLetterStore(db::ConnectionConfig config, Metrics& metrics);

    Result<std::vector<DeadLetter>> read_unannounced(const std::string& owner, const Uuid& after,
                                                     std::size_t letters_max, std::size_t bytes_max) override;
    Result<void> mark_announced(std::span<const Uuid> ids) override;
    Result<std::int64_t> count_unannounced() override;

private:
    db::Session session_;
};

}  // namespace ledgerline::letters
