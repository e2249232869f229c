// verify on the audit: no row of it can be changed, inserted or left out unnoticed.
#include "integration/verify_lab.h"

namespace ledgerline::audit {
namespace {

constexpr const char* kAudit = R"sql(
CREATE FUNCTION audited(n integer, of_chain integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT append_audit(ROW(of_chain, 0, id(n), NULL, 'account_changed', 'a' || n, 'key', 'ann', '192.0.2.1', 'r' || n, NULL,
                            '{"status": "ACTIVE"}', '{"status": "SUSPENDED", "x": 1.50}', '', n % 3)::audit) $$;
SELECT audited(1, 0), audited(2, 0), audited(3, 0), audited(4, 0);
SELECT audited(5, 7);
)sql";

class VerifyAudit : public VerifyTest {
protected:
    static void SetUpTestSuite() { set_up(kAudit); }
};

TEST_F(VerifyAudit, FindsNothingWrongWithWholeChainsWhateverTheStretch) {
    for (const std::int64_t rows : {1, 2, 3, 10'000}) {
        const VerifyReport found = report({.stretch_seqs = rows, .on_progress = {}});
        EXPECT_TRUE(found.ok()) << rows << '\n' << text_of(found);
        EXPECT_EQ(found.finding(Check::audit).examined, 5);
    }
}

class TamperedAudit : public VerifyAudit, public testing::WithParamInterface<Damage> {};

// As a superuser may do who wants to hide something.
TEST_P(TamperedAudit, IsFound) {
    damage(GetParam().sql);
    const VerifyReport found = report();
    EXPECT_EQ(broken(found), GetParam().broken) << text_of(found);
    EXPECT_TRUE(found.damaged());
    EXPECT_THAT(text_of(found), testing::HasSubstr(GetParam().id == 0 ? GetParam().detail : id(GetParam().id) + ": "));
    EXPECT_THAT(text_of(found), testing::HasSubstr(GetParam().detail));
}

const std::set<Check> kBroken{Check::audit};

INSTANTIATE_TEST_SUITE_P(
    , TamperedAudit,
    testing::Values(
        Damage{"WhoDidIt", "UPDATE audit SET key_id = 'other' WHERE id = id(2)", kBroken, "not what its hash covers",
               2},
        Damage{"WhoSaidSo", "UPDATE audit SET operator = NULL WHERE id = id(2)", kBroken, "not what its hash covers",
               2},
        Damage{"When", "UPDATE audit SET at = at + interval '1 microsecond' WHERE id = id(4)", kBroken,
               "not what its hash covers", 4},
        Damage{"What", "UPDATE audit SET after = '{\"status\": \"CLOSED\"}' WHERE id = id(1)", kBroken,
               "not what its hash covers", 1},
        Damage{"FromWhere", "UPDATE audit SET peer = '198.51.100.1' WHERE id = id(5)", kBroken,
               "not what its hash covers", 5},
        // With a hash that fits the row, the next one does not follow.
        Damage{"ARowWithItsHash",
               "UPDATE audit a SET reason = 'x' WHERE id = id(2); UPDATE audit a SET hash = sha256((SELECT hash FROM "
               "audit "
               "WHERE id = id(1)) || convert_to(audit_text(a), 'UTF8')) WHERE id = id(2)",
               kBroken, "not what its hash covers", 3},
        Damage{"ARowLeftOut", "DELETE FROM audit WHERE id = id(3)", kBroken, "the rows before 4 are missing", 4},
        Damage{
            "ARowLeftOutAndTheRestMoved",
            "DELETE FROM audit WHERE id = id(2); UPDATE audit SET number = number - 1 WHERE chain = 0 AND number > 2",
            kBroken, "not what its hash covers"},
        Damage{"TheEndCutOff", "DELETE FROM audit WHERE id = id(4)", kBroken, "ends with row 3, but 4 were written"},
        Damage{"AllOfIt", "DELETE FROM audit", kBroken, "ends with row 0, but 1 were written"},
        Damage{"ARowAdded",
               "INSERT INTO audit SELECT chain, 5, id(9), at, action, subject, key_id, operator, peer, request_id, "
               "reason, "
               "before, after, hash FROM audit WHERE id = id(4)",
               kBroken, "ends with row 5, but 4 were written"},
        Damage{
            "TwoRowsExchanged",
            "UPDATE audit SET number = 99 WHERE id = id(2); UPDATE audit SET number = 2 WHERE id = id(3); UPDATE audit "
            "SET number = 3 WHERE id = id(2)",
            kBroken, "not what its hash covers"},
        Damage{"TheEndThatIsKept", "UPDATE audit_chains SET hash = '\\x00' WHERE chain = 7", kBroken,
               "another hash than the one that was kept"}),
    [](const auto& tested) { return std::string(tested.param.name); });

// Not even the owner of the tables changes a row by mistake.
TEST_F(VerifyAudit, RowsAreImmutable) {
    db::Connection connection = database_->connect();
    for (const char* sql : {"UPDATE audit SET peer = 'x'", "DELETE FROM audit", "TRUNCATE audit"}) {
        const auto changed = connection.run_script(sql);
        ASSERT_FALSE(changed) << sql;
        EXPECT_THAT(changed.error().message, testing::HasSubstr("immutable")) << sql;
    }
}

}  // namespace
}  // namespace ledgerline::audit
