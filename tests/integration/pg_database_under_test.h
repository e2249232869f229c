// The stores on PostgreSQL, for the conformance suites.
#pragma once

#include "lab/database_under_test.h"

namespace ledgerline::test {

DatabaseKind pg_database_kind();

}  // namespace ledgerline::test
