// How the roles begin, and what they say when they cannot: no Kafka is needed for that.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "e2e/program.h"
#include "lab/pgbouncer.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kNoDatabase = "postgresql://ledgerline:hush-hush@127.0.0.1:1/ledgerline";
constexpr const char* kRoles[] = {"api", "publisher", "worker"};

std::string process_table_entry(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(RoleStart, PrintsOneLineAndNamesKafkaWhenOnlyItIsMissing) {
    const TestDatabase database;
    for (const char* role : kRoles) {
        RoleProcess process(role_arguments(role, database.url()));
        ApiClient client(process.port());
        EXPECT_EQ(client.get("/livez").status, 200) << role;
        EXPECT_EQ(client.get("/metrics").status, 200) << role;
        const bool is_api = role == std::string("api");
        EXPECT_EQ(client.get("/health").status, is_api ? 200 : 503) << role;
        const Answer ready = client.get("/readyz");
        EXPECT_EQ(ready.status, is_api ? 200 : 503) << role;
        EXPECT_THAT(json::serialize(ready.body), HasSubstr(is_api ? R"("degraded":["kafka"])" : R"("kafka")")) << role;
        EXPECT_EQ(client.get("/v1/accounts").status, is_api ? 200 : 404) << role;
        EXPECT_EQ(process.stop(), "exit code 0") << process.program().output();
    }
}

TEST(RoleStart, NeedsADatabaseThatIsMigrated) {
    TestCluster& cluster = TestCluster::shared();
    const TestDatabase database(cluster);
    database.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    for (const char* role : kRoles) {
        Program program(role_arguments(role, database.url()));
        EXPECT_EQ(program.wait_outcome(), "exit code 4") << role;
        EXPECT_THAT(program.output(), HasSubstr("run 'ledgerline migrate up'")) << role;
    }
}

TEST(RoleStart, GivesUpOnADatabaseThatIsAway) {
    for (const char* role : kRoles) {
        Program program(role_arguments(role, kNoDatabase, {"--listen", "127.0.0.1:0", "--startup-timeout", "1s"}));
        EXPECT_EQ(program.wait_outcome(), "exit code 3") << role;
        EXPECT_THAT(program.output(), HasSubstr("127.0.0.1")) << role;
        EXPECT_THAT(program.output(), Not(HasSubstr("hush-hush"))) << role;
    }
}

TEST(RoleStart, RefusesAWrongPasswordAtOnce) {
    const TestDatabase database;
    std::string url = database.url();
    const auto begin = url.find(':', url.find("://") + 3), end = url.find('@');
    url.replace(begin + 1, end - begin - 1, "hush-hush");
    Program program(role_arguments("worker", url));
    EXPECT_EQ(program.wait_outcome(), "exit code 4");
    EXPECT_THAT(program.output(), HasSubstr("password authentication failed"));
    EXPECT_THAT(program.output(), Not(HasSubstr("hush-hush")));
}

// Before the database is even asked.
// The default startup timeout is a minute: none of these waits for it.
TEST(RoleStart, EndsAtOnceWhereWaitingCuresNothing) {
    for (const char* role : kRoles) {
        Program program(role_arguments(role, "postgresql://ledgerline:hush-hush@/d?sslmodus=require"));
        EXPECT_EQ(program.wait_outcome(), "exit code 2") << role;
        EXPECT_THAT(program.output(), HasSubstr("invalid URI query parameter: \"sslmodus\"")) << role;
        EXPECT_THAT(program.output(), Not(HasSubstr("hush-hush"))) << role;
    }
    const TestDatabase database;
    const PgBouncer pooler(database, "transaction");
    for (const char* role : kRoles) {
        Program program(role_arguments(role, pooler.url()));
        EXPECT_EQ(program.wait_outcome(), "exit code 4") << role;
        EXPECT_THAT(program.output(), HasSubstr("pool_mode = session")) << role;
    }
    Program command({"verify", "--database-url", pooler.url()});
    EXPECT_EQ(command.wait_outcome(), "exit code 4");
    EXPECT_THAT(command.output(), HasSubstr("pool_mode = session"));
}

// As the role that it is, with its own settings and rights.
TEST(RoleStart, WaitsUntilItCanWrite) {
    const TestDatabase database;
    database.run("CREATE ROLE limited LOGIN PASSWORD 'limited'; GRANT ALL ON ALL TABLES IN SCHEMA public TO limited");
    std::string url = database.url();
    const auto user = url.find("://") + 3;
    url.replace(user, url.find('@') - user, "limited:limited");
    const auto start = [&](const char* role) {
        return role_arguments(role, url, {"--listen", "127.0.0.1:0", "--startup-timeout", "1s"});
    };
    database.run("ALTER ROLE limited SET default_transaction_read_only = on");
    for (const char* role : kRoles) {
        Program program(start(role));
        EXPECT_EQ(program.wait_outcome(), "exit code 3") << role;
        EXPECT_THAT(program.output(), HasSubstr("read-only transaction")) << role;
    }
    database.run("ALTER ROLE limited RESET default_transaction_read_only");
    database.run("REVOKE INSERT ON accepted, decisions, publishers FROM limited");
    for (const char* role : kRoles) {
        Program program(start(role));
        EXPECT_EQ(program.wait_outcome(), "exit code 4") << role;
        EXPECT_THAT(program.output(), HasSubstr("permission denied")) << role;
    }
    database.run("DROP OWNED BY limited; DROP ROLE limited");
}

TEST(RoleStart, SaysThatThePortIsTaken) {
    const TestDatabase database;
    const RoleProcess first(role_arguments("publisher", database.url()));
    const std::string address = fmt::format("127.0.0.1:{}", first.port());
    for (const char* role : kRoles) {
        Program program(role_arguments(role, kNoDatabase, {"--listen", address}));
        EXPECT_EQ(program.wait_outcome(), "exit code 4") << role;
        EXPECT_THAT(program.output(), HasSubstr("cannot listen on " + address)) << role;
    }
}

TEST(RoleStart, EndsWhileItWaitsForTheDatabase) {
    Program program(role_arguments("worker", kNoDatabase));
    ASSERT_TRUE(program.prints("cannot be used yet"));
    program.signal(SIGTERM);
    EXPECT_EQ(program.wait_outcome(), "exit code 0") << program.output();
}

TEST(RoleStart, KeepsPasswordsOutOfTheProcessTable) {
    Program program(role_arguments("worker", kNoDatabase));
    ASSERT_TRUE(program.prints("cannot be used yet"));
    const std::string shown = process_table_entry(program.pid());
    EXPECT_THAT(shown, HasSubstr("postgresql://ledgerline:xxxxxxxxx@127.0.0.1:1/ledgerline"));
    EXPECT_THAT(shown, Not(HasSubstr("hush-hush")));
}

TEST(RoleStart, RefusesWhatTheKafkaClientDoesNotTake) {
    const TestDatabase database;
    Program unknown(role_arguments("worker", database.url(), {"--kafka-config", "no.such.property=1"}));
    EXPECT_EQ(unknown.wait_outcome(), "exit code 2");
    EXPECT_THAT(unknown.output(), HasSubstr("no.such.property"));
    Program secret(role_arguments("worker", database.url(), {"--kafka-config", "sasl.password=hush-hush"}));
    EXPECT_EQ(secret.wait_outcome(), "exit code 2");
    EXPECT_THAT(secret.output(), HasSubstr("KAFKA_SASL_PASSWORD"));
    EXPECT_THAT(secret.output(), Not(HasSubstr("hush-hush")));
}

TEST(RoleStart, TakesItsSettingsFromTheEnvironment) {
    const TestDatabase database;
    RoleProcess process({"publisher"}, {"DATABASE_URL=" + database.url(), std::string("KAFKA_BROKERS=") + no_broker,
                                        "LEDGERLINE_LISTEN=127.0.0.1:0"});
    EXPECT_EQ(ApiClient(process.port()).get("/livez").status, 200);
    EXPECT_EQ(process.stop(), "exit code 0") << process.program().output();
}

}  // namespace
}  // namespace ledgerline::test
