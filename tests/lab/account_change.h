// A change of an account's settings with its record, as the API makes it, for tests that write to the database.
#pragma once

#include <fmt/format.h>

#include <string>

#include "lab/test_database.h"

namespace ledgerline::test {

// assignments: of account_settings, in SQL.
inline void change_account(const TestDatabase& database, const std::string& account_id,
                           const std::string& assignments) {
    database.run(fmt::format(
        R"(UPDATE account_settings SET {1} WHERE id = '{0}';
           INSERT INTO account_changes (account_id, number, lane, applied_seq, before, after, changed_at, changed_by,
                                        request_id)
           SELECT id, 1 + (SELECT count(*) FROM account_changes WHERE account_id = s.id), lane,
                  coalesce((SELECT max(seq) FROM decisions WHERE lane = s.lane), 0), '{{}}', '{{}}', now(), 'test', 'test'
           FROM account_settings s WHERE id = '{0}')",
        account_id, assignments));
}

}  // namespace ledgerline::test
