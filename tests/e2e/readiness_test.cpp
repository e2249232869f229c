// Takes away what each role works with, in each way, and reads its probe.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "e2e/program.h"
#include "lab/sockets.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr int kSlowLists = 8;          // more than the API has database threads
constexpr milliseconds kProbe{1'000};  // what a kubelet waits by default

// What a role says of itself: "" when it does not name that trouble.
struct Probe {
    int status = 0;
    std::string required, degraded, reason;
};

Probe probe(std::uint16_t port, const std::string& name, const std::string& target = "/readyz") {
    const Answer reply = ApiClient(port).get(target);
    Probe seen{reply.status, "", "", ""};
    if (const json::Value* missing = reply.body.find("missing")) seen.required = json::serialize(*missing);
    if (const json::Value* degraded = reply.body.find("degraded")) seen.degraded = json::serialize(*degraded);
    const json::Value* reasons = reply.body.find("reasons");
    const json::Value* reason = reasons ? reasons->find(name) : nullptr;
    if (reason && reason->if_string()) seen.reason = *reason->if_string();
    return seen;
}

// One way in which something goes away, and what is said of it.
struct Loss {
    std::string way, take_away, give_back;  // SQL of the superuser
    std::string reason;                     // part of it
};

// A database whose user has the rights that were granted, and no others.
class Limited {
public:
    Limited() {
        database_.run(
            "DO $$ BEGIN CREATE ROLE app LOGIN PASSWORD 'app'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;"
            "GRANT CREATE ON SCHEMA public TO app");  // up migrates
    }
    void run(const std::string& sql) const { database_.run(sql); }
    // Settings of the server do not belong into the transaction that a script is.
    void run_each(const std::string& sqls) const {
        for (std::size_t at = 0, end = 0; at < sqls.size(); at = end + 1) {
            end = std::min(sqls.find(';', at), sqls.size());
            database_.run(sqls.substr(at, end - at));
        }
    }
    db::Connection connect() const { return database_.connect(); }
    std::string url() const {
        std::string url = database_.url();
        const auto user = url.find("://") + 3;
        return url.replace(user, url.find('@') - user, "app:app");
    }
    TestCluster& cluster() { return cluster_; }

private:
    TestCluster cluster_;
    const TestDatabase database_{cluster_};
};

const Loss kReadOnly{"read-only", "ALTER SYSTEM SET default_transaction_read_only = on;SELECT pg_reload_conf()",
                     "ALTER SYSTEM RESET default_transaction_read_only;SELECT pg_reload_conf()", "read-only"};
const Loss kDiskFull{"no room for files", "ALTER SYSTEM SET temp_file_limit = 0;SELECT pg_reload_conf()",
                     "ALTER SYSTEM RESET temp_file_limit;SELECT pg_reload_conf()", "temp_file_limit"};

Loss no_right(const std::string& verb, const std::string& relation) {
    return {"no " + verb + " on " + relation, fmt::format("REVOKE {} ON {} FROM app", verb, relation),
            fmt::format("GRANT {} ON {} TO app", verb, relation), fmt::format("{} on {}", verb, relation)};
}

class Readiness : public testing::Test {
protected:
    std::unique_ptr<RoleProcess> start(const std::string& role, const std::string& broker = "",
                                       const std::vector<std::string>& more = {}) const {
        std::vector<std::string> arguments = {role, "--database-url", database_.url(), "--listen", "127.0.0.1:0"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        if (!broker.empty()) arguments.insert(arguments.end(), {"--kafka-brokers", broker});
        return std::make_unique<RoleProcess>(arguments);
    }
    // missing: as /readyz says it for the loss; "" when the role goes on, degraded.
    void expect_noticed(const RoleProcess& role, const Loss& loss, const std::string& missing) const {
        database_.run_each(loss.take_away);
        EXPECT_TRUE(eventually([&] {
            const Probe seen = probe(role.port(), "database");
            return seen.reason.contains(loss.reason) &&
                   (missing.empty() ? seen.status == 200 && seen.degraded.contains("database")
                                    : seen.status == 503 && seen.required.contains(missing));
        })) << loss.way
            << ": " << probe(role.port(), "database").reason;
        EXPECT_EQ(probe(role.port(), "database", "/health").status, missing.empty() ? 200 : 503) << loss.way;
        database_.run_each(loss.give_back);
        EXPECT_TRUE(eventually([&] { return probe(role.port(), "database").reason.empty(); }))
            << loss.way << ", given back: " << probe(role.port(), "database").reason;
    }

    Limited database_;
};

TEST_F(Readiness, OfAnApiThatCannotCommit) {
    const auto api = start("api");
    EXPECT_EQ(probe(api->port(), "database").status, 200);
    for (const Loss& loss : {kReadOnly, kDiskFull, no_right("INSERT", "accepted"), no_right("UPDATE", "lane_intake")})
        expect_noticed(*api, loss, "database");
    EXPECT_EQ(probe(api->port(), "database").status, 200);

    database_.cluster().stop();
    EXPECT_TRUE(eventually([&] { return probe(api->port(), "database").status == 503; }));
    EXPECT_NE(probe(api->port(), "database").reason, "");
    EXPECT_EQ(ApiClient(api->port()).get("/livez").status, 200);
    database_.cluster().start();
    EXPECT_TRUE(eventually([&] { return probe(api->port(), "database").status == 200; }));
}

TEST_F(Readiness, OfAPublisherThatCannotMoveItsCursors) {
    const auto publisher = start("publisher", no_broker);
    EXPECT_EQ(probe(publisher->port(), "kafka").status, 503);
    EXPECT_NE(probe(publisher->port(), "kafka").reason, "");
    for (const Loss& loss : {kReadOnly, no_right("UPDATE", "lane_publish")})
        expect_noticed(*publisher, loss, "database");
}

TEST_F(Readiness, OfAWorkerThatCannotApply) {
    const auto worker = start("worker", no_broker);
    for (const Loss& loss : {kReadOnly, no_right("INSERT", "decisions"), no_right("INSERT", "apply_attempts"),
                             no_right("UPDATE", "lane_apply"), no_right("INSERT", "dead_letters")})
        expect_noticed(*worker, loss, "database");
}

// What the stages after intake cannot do does not keep clients from being answered.
TEST_F(Readiness, OfAllRolesInOneProcess) {
    database_.run("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app");
    const auto up = start("up");
    for (const Loss& loss : {no_right("INSERT", "decisions"), no_right("UPDATE", "lane_publish")})
        expect_noticed(*up, loss, "");
    for (const Loss& loss : {kReadOnly, no_right("INSERT", "accepted")}) expect_noticed(*up, loss, "database");
}

TEST_F(Readiness, WithAKafkaThatIsSilent) {
    const SilentServer broker;
    const auto worker = start("worker", broker.address());
    EXPECT_TRUE(eventually([&] {
        const Probe seen = probe(worker->port(), "kafka");
        return seen.status == 503 && seen.required.contains("kafka") && !seen.reason.empty();
    }));
    const auto api = start("api", broker.address());
    EXPECT_TRUE(eventually([&] {
        const Probe seen = probe(api->port(), "kafka");
        return seen.status == 200 && seen.degraded == R"(["kafka"])";
    }));
}

// Nobody publishes here.
TEST_F(Readiness, WithALaneThatDoesNotMove) {
    const auto api = start("api");
    ApiClient client(api->port());
    const std::string body = transaction_json(client.open_account(), "a", 1);
    ASSERT_EQ(client.post("/v1/transactions", body).status, 201);
    EXPECT_TRUE(eventually([&] {
        const Probe seen = probe(api->port(), "lanes");
        return seen.status == 200 && seen.degraded == R"(["lanes"])" &&
               seen.reason.contains("event 1 has not been published");
    }));
}

// The port of --probe-listen, as the log says it.
std::uint16_t probe_port(Program& program) {
    constexpr std::string_view kMark = R"("port":)";
    EXPECT_TRUE(program.prints("probes have an address of their own"));
    const std::string output = program.output();
    const auto line = output.find("probes have an address of their own");
    return static_cast<std::uint16_t>(std::stoi(output.substr(output.find(kMark, line) + kMark.size())));
}

// Requests that wait for the database, and take every connection there is, make nobody wait for the probe.
TEST_F(Readiness, IsAnsweredWhileSlowListsTakeEveryThreadAndConnection) {
    const std::string connections = std::to_string(kSlowLists);
    const auto api = start(
        "api", "",
        {"--connections-max", connections, "--connections-per-address", connections, "--probe-listen", "127.0.0.1:0"});
    const std::uint16_t ports[] = {api->port(), probe_port(api->program())};
    db::Connection holder = database_.connect();
    ASSERT_TRUE(holder.query(db::begin));
    ASSERT_TRUE(holder.query({"test_hold", "LOCK TABLE account_settings IN ACCESS EXCLUSIVE MODE"}));
    std::vector<std::future<Answer>> lists;
    for (int i = 0; i < kSlowLists; ++i)
        lists.push_back(std::async(std::launch::async, [&] { return ApiClient(api->port()).get("/v1/accounts"); }));
    while (std::ranges::any_of(
        lists, [](auto& list) { return list.wait_for(std::chrono::seconds(0)) != std::future_status::ready; })) {
        for (const std::uint16_t port : ports) {
            for (const char* target : {"/readyz", "/livez", "/health", "/metrics", "/stats"}) {
                const Answer answer = ApiClient(port).call("GET", target, "", {}, kProbe);
                ASSERT_NE(answer.status, 0) << answer.error;
                EXPECT_EQ(answer.status, 200) << answer.text();
            }
        }
    }
    EXPECT_EQ(ApiClient(ports[1]).get("/v1/accounts").status, 404) << "probes and nothing else";
}

// A server that takes connections and statements and answers none.
TEST(ReadinessOfUp, WithAPostgresThatIsSilent) {
    const TempDir dir;
    const std::filesystem::path data_dir = dir.path() / "data";
    UpProcess up(data_dir);
    ASSERT_TRUE(eventually([&] { return probe(up.port(), "database").status == 200; }));
    const auto stopped = postgres_processes(data_dir);
    ASSERT_FALSE(stopped.empty());
    for (const pid_t pid : stopped) kill(pid, SIGSTOP);
    EXPECT_TRUE(eventually([&] {
        const Probe seen = probe(up.port(), "database");
        return seen.status == 503 && seen.required.contains("database") && !seen.reason.empty();
    }));
    EXPECT_EQ(ApiClient(up.port()).get("/livez").status, 200);
    for (const pid_t pid : stopped) kill(pid, SIGCONT);
    EXPECT_TRUE(eventually([&] { return probe(up.port(), "database").status == 200; }));
    EXPECT_EQ(up.stop(), "exit code 0") << up.program().output();
}

}  // namespace
}  // namespace ledgerline::test
