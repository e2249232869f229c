#include "lab/dead_letter_store_conformance.h"
#include "lab/intake_store_conformance.h"
#include "lab/ledger_store_conformance.h"
#include "lab/outbox_store_conformance.h"
#include "pg_database_under_test.h"

namespace ledgerline::test {
namespace {

const auto kinds = testing::Values(memory_database_kind(), pg_database_kind());
std::string name_of_kind(const testing::TestParamInfo<DatabaseKind>& param) { return param.param.name; }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, DeadLetterStoreConformance, kinds, name_of_kind);
INSTANTIATE_TEST_SUITE_P(Stores, IntakeStoreConformance, kinds, name_of_kind);
INSTANTIATE_TEST_SUITE_P(Stores, LedgerStoreConformance, kinds, name_of_kind);
INSTANTIATE_TEST_SUITE_P(Stores, OutboxStoreConformance, kinds, name_of_kind);

}  // namespace ledgerline::test
