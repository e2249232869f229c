#include "faults/stack.h"

#include <fmt/format.h>

#include "lab/api_client.h"
#include "lab/told_outcomes.h"

namespace ledgerline::test {
namespace {

constexpr milliseconds kReadyCall{2'000};
constexpr milliseconds kStopped{90'000};
constexpr const char* kLetterTopic = "transactions.dlq";

std::filesystem::path make_log_dir() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    const auto dir = std::filesystem::current_path() / "fault-logs" /
                     fmt::format("{}.{}", test ? test->test_suite_name() : "suite", test ? test->name() : "all");
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    return dir;
}

std::vector<std::string> with_failpoints_set(const std::string& failpoints) {
    return failpoints.empty() ? std::vector<std::string>{} : std::vector{"LEDGERLINE_FAILPOINTS=" + failpoints};
}

}  // namespace

Role::Role(std::string kind, Process::Command command, std::uint16_t port, bool with_failpoints)
    : kind_(std::move(kind)),
      process_(fmt::format("{}:{}", kind_, port), std::move(command)),
      port_(port),
      with_failpoints_(with_failpoints) {}

void Role::start(const std::string& failpoints) {
    LEDGERLINE_ASSERT(with_failpoints_ || failpoints.empty());
    process_.start(with_failpoints_set(failpoints));
}

void Role::stop() {
    EXPECT_EQ(process_.end(SIGTERM, kStopped), "exit code 0") << process_.name() << ": " << process_.tail();
}

bool Role::ready() const { return ApiClient(port_).call("GET", "/readyz", "", {}, kReadyCall).status == 200; }

void Role::wait_ready() const {
    EXPECT_TRUE(eventually([this] { return ready(); })) << process_.name() << ": " << process_.tail();
}

Stack::Stack() : dir_(make_log_dir()), postgres_({.log = dir_ / "postgres.log"}) { postgres_.migrate(); }

Stack::~Stack() {
    roles_.clear();
    if (testing::Test::HasFailure())
        note("the logs are in " + dir_.string());
    else
        std::filesystem::remove_all(dir_);
}

Role& Stack::add(const std::string& kind, std::uint16_t database_port, bool with_failpoints) {
    const std::uint16_t port = free_port(PortUse::restarted);
    Process::Command command{
        .arguments = {with_failpoints ? LEDGERLINE_PROGRAM_WITH_FAILPOINTS : LEDGERLINE_PROGRAM, kind, "--database-url",
                      postgres_.url(PostgresServer::ledger, database_port), "--kafka-brokers", broker_.address(),
                      "--listen", fmt::format("127.0.0.1:{}", port)},
        .log = dir_ / fmt::format("{}-{}.log", kind, ++roles_made_)};
    // Markers are made in directories of this test's.
    if (with_failpoints) command.arguments.insert(command.arguments.end(), {"--run-as", "root"});
    roles_.push_back(std::make_unique<Role>(kind, std::move(command), port, with_failpoints));
    return *roles_.back();
}

void Stack::remove(Role& role) {
    std::erase_if(roles_, [&](const auto& each) { return each.get() == &role; });
}

std::vector<Role*> Stack::all() {
    std::vector<Role*> found;
    for (const auto& role : roles_) found.push_back(role.get());
    return found;
}

std::vector<Role*> Stack::all(const std::string& kind) {
    std::vector<Role*> found = all();
    std::erase_if(found, [&](const Role* role) { return role->kind() != kind; });
    return found;
}

std::vector<std::uint16_t> Stack::api_ports() {
    std::vector<std::uint16_t> ports;
    for (const Role* role : all("api")) ports.push_back(role->port());
    return ports;
}

std::int64_t Stack::published() { return std::stoll(value("SELECT sum(published_seq)::bigint FROM lane_publish")); }
std::int64_t Stack::applied() { return std::stoll(value("SELECT sum(applied_seq)::bigint FROM lane_cursors")); }
std::int64_t Stack::accepted() { return std::stoll(value("SELECT sum(last_seq)::bigint FROM lane_cursors")); }

void Stack::expect_running() {
    for (const auto& role : roles_)
        EXPECT_TRUE(role->process().running())
            << role->process().name() << " ended: " << role->process().outcome() << "\n"
            << role->process().tail();
}

void Stack::expect_letters_announced() {
    auto connection = postgres_.connect();
    const auto letters = connection.query({"fault_letters", "SELECT id::text FROM dead_letters"});
    ASSERT_TRUE(letters);
    std::set<std::string> missing;
    for (std::size_t row = 0; row < letters->size(); ++row) missing.emplace(letters->text(row, 0));
    eventually([&] {
        if (missing.empty()) return true;
        for (const auto& [partition, records] : broker_.read_all(kLetterTopic))
            for (const RawRecord& record : records)
                for (const auto& [name, value] : record.headers)
                    if (name == "dlq-id") missing.erase(value);
        return missing.empty();
    });
    EXPECT_TRUE(missing.empty()) << missing.size() << " of " << letters->size() << " letters are not on their topic";
}

void Stack::expect_outcomes_told() {
    const auto value_of = [this](const std::string& sql) { return value(sql); };
    EXPECT_TRUE(wait_all_told(value_of)) << "the publishers do not tell all outcomes";
    const ToldOutcomes told = told_outcomes(decided_lanes(value_of), broker_.read_all(outcomes_topic));
    for (const std::string& finding : told.findings) ADD_FAILURE() << finding;
    note(fmt::format("{} outcomes on their topic", told.first.size()));
}

void Stack::expect_sound(const std::vector<Evidence>& evidence, const Injected& injected) {
    const auto findings = audit(postgres_, PostgresServer::ledger, evidence, injected);
    for (const std::string& finding : findings) ADD_FAILURE() << finding;
    std::size_t accepted = 0;
    for (const Evidence& client : evidence) accepted += client.accepted.size();
    note(fmt::format("audited {} transactions: {}", accepted,
                     findings.empty() ? "sound" : fmt::format("{} findings", findings.size())));
}

}  // namespace ledgerline::test
