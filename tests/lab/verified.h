// expect_verified(): the ledger of a test, recomputed from its rows.
#pragma once

#include "lab/test_database.h"

namespace ledgerline::test {

// Waits until everything is decided, and fails the test for each violation that `verify` finds.
void expect_verified(const TestDatabase& database);

}  // namespace ledgerline::test
