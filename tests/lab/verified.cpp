#include "lab/verified.h"

#include <gtest/gtest.h>

#include "audit/verify.h"
#include "lab/eventually.h"

namespace ledgerline::test {

void expect_verified(const TestDatabase& database) {
    EXPECT_TRUE(eventually([&] { return database.value("SELECT count(*) FROM undecided") == "0"; }));
    db::Connection connection = database.connect();
    const auto report = audit::verify(connection, {});
    ASSERT_TRUE(report) << report.error().message;
    for (std::size_t i = 0; i < audit::check_count; ++i)
        for (const audit::Violation& violation : report->finding(static_cast<audit::Check>(i)).listed)
            ADD_FAILURE() << audit::name_of(static_cast<audit::Check>(i)) << ": " << violation.id << ' '
                          << violation.detail;
}

}  // namespace ledgerline::test
