// What the program makes of its surroundings: variables that others set, limits and rights of its process, settings
// that cannot be right.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>

#include "cluster/os_user.h"
#include "e2e/program.h"
#include "http/server/listener.h"
#include "lab/raw_connection.h"
#include "lab/test_database.h"
#include "roles/descriptors.h"

namespace ledgerline::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kNoDatabase = "postgresql://ledgerline@127.0.0.1:1/ledgerline";
constexpr const char* kKey = "a-key-of-this-test-0123456789";

class SurroundingsTest : public testing::Test {
protected:
    std::vector<std::string> up(const std::vector<std::string>& more = {}) const {
        std::vector<std::string> all{"up", "--data-dir", data_dir_.string()};
        if (std::ranges::find(more, "--listen") == more.end()) all.insert(all.end(), {"--listen", "127.0.0.1:0"});
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    // Refuses to start, without having made anything.
    void expect_nothing_made(const std::vector<std::string>& more, const std::string& outcome, const std::string& says,
                             const Program::Variables& variables = {}) const {
        Program program(up(more), variables);
        EXPECT_EQ(program.wait_outcome(), outcome) << says << ": " << program.output();
        EXPECT_THAT(program.output(), HasSubstr(says));
        EXPECT_FALSE(std::filesystem::exists(data_dir_)) << says;
    }

    const TempDir dir_;
    const std::filesystem::path data_dir_ = dir_.path() / "data";
};

// Kubernetes sets these in every container of a namespace with services of these names.
TEST_F(SurroundingsTest, VariablesOfServicesAreNoSettings) {
    Program::Variables variables;
    for (const char* service : {"KAFKA", "KAFKA_SSL", "KAFKA_SASL", "KAFKA_SASL_SSL_BROKER", "LEDGERLINE",
                                "LEDGERLINE_API", "LEDGERLINE_LISTEN", "LEDGERLINE_KAFKA_TOPIC"})
        for (const char* variable :
             {"_SERVICE_HOST=10.0.0.7", "_SERVICE_PORT=9093", "_SERVICE_PORT_CLIENT=9093", "_PORT=tcp://10.0.0.7:9093",
              "_PORT_9093_TCP=tcp://10.0.0.7:9093", "_PORT_9093_TCP_PROTO=tcp", "_PORT_9093_TCP_PORT=9093",
              "_PORT_9093_TCP_ADDR=10.0.0.7", "_PORT_53_UDP=udp://10.0.0.7:53", "_PORT_9_SCTP_ADDR=10.0.0.7"})
            variables.push_back(std::string(service) + variable);
    const TestDatabase database;
    for (const char* name : {"api", "publisher", "worker"}) {
        RoleProcess process(role_arguments(name, database.url()), variables);
        EXPECT_EQ(ApiClient(process.port()).get("/livez").status, 200) << name;
        EXPECT_EQ(process.stop(), "exit code 0") << name;
    }
}

TEST_F(SurroundingsTest, TraceSettingsThatAreNotSpokenStopNoPayment) {
    const TestDatabase database;
    for (const char* variable : {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_TRACES_EXPORTER=zipkin",
                                 "OTEL_TRACES_SAMPLER=jaeger_remote", "OTEL_EXPORTER_OTLP_HEADERS=hush-hush"}) {
        RoleProcess process(role_arguments("api", database.url()),
                            {variable, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"});
        EXPECT_EQ(ApiClient(process.port()).post("/v1/accounts", R"({"currency":"EUR"})").status, 201) << variable;
        EXPECT_EQ(process.stop(), "exit code 0");
        EXPECT_THAT(process.program().output(), HasSubstr("traces are off: OTEL_")) << variable;
        EXPECT_THAT(process.program().output(), Not(HasSubstr("hush-hush")));
    }
}

TEST_F(SurroundingsTest, WrongSettingsAreFoundBeforeAnythingIsMade) {
    const std::vector<std::string> kafka{"--kafka-brokers", no_broker, "--kafka-config"};
    const auto with = [&](const char* property) {
        auto all = kafka;
        all.emplace_back(property);
        return all;
    };
    expect_nothing_made(with("no.such.property=1"), "exit code 2", "no.such.property");
    expect_nothing_made(with("security.protocol=tls"), "exit code 2", "security.protocol");
    expect_nothing_made(with("compression.codec=rar"), "exit code 2", "compression.codec");
    expect_nothing_made({"--kafka-brokers", no_broker, "--kafka-config", "security.protocol=SSL", "--kafka-config",
                         "ssl.ca.location=/nonexistent/ca.pem"},
                        "exit code 2", "ssl.ca.location");
    expect_nothing_made({"--listen", "0.0.0.0:0"}, "exit code 2", "--allow-open");
    expect_nothing_made({"--listen", "no such host:0"}, "exit code 4", "no such host");
    if (geteuid() == 0) expect_nothing_made({"--run-as", "nobody-has-this-name"}, "exit code 2", "--run-as");
    expect_nothing_made({}, "exit code 4", "LEDGERLINE_PG_BINDIR", {"LEDGERLINE_PG_BINDIR=/nonexistent"});
    const auto bad_keys = dir_.path() / "keys";
    std::ofstream(bad_keys) << "short\n";
    Program program(up({"--api-keys-file", bad_keys.string()}));
    EXPECT_NE(program.wait_outcome(), "exit code 0");
    EXPECT_THAT(program.output(), HasSubstr(bad_keys.string()));
    EXPECT_FALSE(std::filesystem::exists(data_dir_));
}

// What the server says on one connection until it closes it.
std::string read_until_closed(std::uint16_t port, std::string_view request) {
    RawConnection connection(port);
    EXPECT_TRUE(connection.connected());
    EXPECT_TRUE(connection.send(request));
    const auto answer = connection.receive_all();
    EXPECT_TRUE(answer) << "the connection was not closed";
    return answer.value_or("");
}

TEST_F(SurroundingsTest, IdleConnectionsAreKeptAsLongAsIsSaid) {
    const TestDatabase database;
    for (const char* name : {"api", "worker"}) {
        RoleProcess process(role_arguments(name, database.url(), {"--idle-timeout", "1s"}));
        const std::string answer = read_until_closed(
            process.port(), "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 200")) << name;
        EXPECT_THAT(answer, HasSubstr("Keep-Alive: timeout=1\r\n")) << name;
    }
}

std::vector<std::string> with_open_files_max(std::size_t soft, std::size_t hard) {
    return {"/bin/sh", "-c", fmt::format("ulimit -Sn {} && ulimit -Hn {} && exec \"$0\" \"$@\"", soft, hard)};
}

TEST_F(SurroundingsTest, ConnectionsAreCutToTheFilesThatMayBeOpen) {
    constexpr std::size_t taken = roles::descriptors_reserved + http::Listener::connections_beyond_max;
    const TestDatabase database;
    RoleProcess api(role_arguments("api", database.url()), {}, with_open_files_max(64, taken + 40));
    EXPECT_EQ(ApiClient(api.port()).post("/v1/accounts", R"({"currency":"EUR"})").status, 201);
    EXPECT_TRUE(api.program().prints(R"("connections_max":40,"asked":4096)")) << api.program().output();
    EXPECT_EQ(api.stop(), "exit code 0");

    RoleProcess raised(role_arguments("api", database.url()), {}, with_open_files_max(64, taken + 5000));
    EXPECT_EQ(raised.stop(), "exit code 0");
    EXPECT_THAT(raised.program().output(), Not(HasSubstr("connections_max")));

    Program none(role_arguments("api", database.url()), {}, with_open_files_max(64, 128));
    EXPECT_EQ(none.wait_outcome(), "exit code 4");
    EXPECT_THAT(none.output(), HasSubstr("128 files"));
}

// The value of a line of /proc/PID/status.
std::string status_of(pid_t pid, const std::string& name) {
    std::ifstream file(fmt::format("/proc/{}/status", pid));
    std::string line;
    while (std::getline(file, line))
        if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
    return "";
}

// The real, effective, saved and file system's user ids.
std::string ids_of(uid_t uid) { return fmt::format("{0}\t{0}\t{0}\t{0}", uid); }

class StartedAsRoot : public SurroundingsTest {
protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "only root has rights to give up";
    }
    static void expect_ordinary(pid_t pid, uid_t uid) {
        EXPECT_EQ(status_of(pid, "Uid"), ids_of(uid));
        EXPECT_EQ(status_of(pid, "NoNewPrivs"), "1");
        for (const char* set : {"CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"})
            EXPECT_EQ(status_of(pid, set), "0000000000000000") << set;
    }
};

TEST_F(StartedAsRoot, UpBecomesTheUserOfItsCluster) {
    const uid_t user = cluster::cluster_user("").value()->uid;
    {
        UpProcess up(data_dir_);
        expect_ordinary(up.program().pid(), user);
        EXPECT_EQ(status_of(up.postmaster_pid(), "Uid"), ids_of(user));
        EXPECT_EQ(ApiClient(up.port()).post("/v1/accounts", R"({"currency":"EUR"})").status, 201);
        expect_clean(up, data_dir_);
        EXPECT_EQ(up.stop(), "exit code 0");
    }
    // As versions left it that stayed root.
    for (const char* name : {"", "lock", "password", "postgres.log", "initdb.log"})
        ASSERT_EQ(chown((data_dir_ / name).c_str(), 0, 0), 0) << name;
    ASSERT_EQ(chmod(data_dir_.c_str(), 0710), 0);
    UpProcess up(data_dir_);
    expect_ordinary(up.program().pid(), user);
    EXPECT_EQ(up.value("SELECT count(*) FROM accounts"), "1");
    EXPECT_EQ(up.stop(), "exit code 0");
}

TEST_F(StartedAsRoot, UpTakesNoDirectoryThatHoldsOtherFiles) {
    ASSERT_EQ(mkdir(data_dir_.c_str(), 0755), 0);
    std::ofstream(data_dir_ / "others") << "x";
    Program program(up());
    EXPECT_EQ(program.wait_outcome(), "exit code 4");
    EXPECT_THAT(program.output(), HasSubstr("a directory of its own"));
    struct stat status{};
    ASSERT_EQ(stat(data_dir_.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0u);
}

TEST_F(StartedAsRoot, ARoleBecomesAnOrdinaryUser) {
    const auto nobody = cluster::find_user("nobody");
    ASSERT_TRUE(nobody);
    Program program(role_arguments("worker", kNoDatabase, {"--run-as", "nobody"}));
    ASSERT_TRUE(program.prints("cannot be used yet")) << program.output();
    expect_ordinary(program.pid(), nobody->uid);
}

// It keeps what that takes, and says so.
TEST_F(StartedAsRoot, WhatOnlyRootCanReadKeepsARoleRoot) {
    const TestDatabase database;
    const auto keys = dir_.path() / "keys";
    std::ofstream(keys) << kKey << '\n';
    ASSERT_EQ(chmod(keys.c_str(), 0600), 0);
    RoleProcess api(role_arguments("api", database.url(), {"--api-keys-file", keys.string(), "--run-as", "nobody"}));
    EXPECT_EQ(ApiClient(api.port(), kKey).get("/v1/accounts").status, 200);
    EXPECT_EQ(status_of(api.program().pid(), "Uid"), ids_of(0));
    EXPECT_EQ(status_of(api.program().pid(), "CapEff"), "0000000000000002") << "CAP_DAC_OVERRIDE";
    EXPECT_EQ(status_of(api.program().pid(), "NoNewPrivs"), "1");
    EXPECT_TRUE(api.program().prints("cannot read " + keys.string())) << api.program().output();
    EXPECT_EQ(api.stop(), "exit code 0");
}

TEST_F(StartedAsRoot, AUserWithoutANameIsToldSoBeforeAnythingIsMade) {
    constexpr uid_t nameless = 54321;
    ASSERT_FALSE(cluster::find_user(nameless));
    const auto place = dir_.path() / "place";
    ASSERT_EQ(mkdir(place.c_str(), 0777), 0);
    ASSERT_EQ(chown(place.c_str(), nameless, nameless), 0);
    const std::vector<std::string> launcher{"/usr/bin/setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"};
    Program program({"up", "--data-dir", (place / "data").string(), "--listen", "127.0.0.1:0"}, {}, launcher);
    EXPECT_EQ(program.wait_outcome(), "exit code 4");
    EXPECT_THAT(program.output(), HasSubstr("user id 54321 has no name"));
    EXPECT_FALSE(std::filesystem::exists(place / "data"));

    // A role on a database of its own needs no name.
    Program worker(role_arguments("worker", kNoDatabase), {}, launcher);
    EXPECT_TRUE(worker.prints("cannot be used yet")) << worker.output();
}

}  // namespace
}  // namespace ledgerline::test
