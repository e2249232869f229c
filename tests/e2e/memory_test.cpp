// What the whole program holds in memory while everything that is large comes at once: batches, lists of full rows,
// dead letters with large payloads, readers that are fast, slow or do not read at all. The kernel says what it took at
// most.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>

#include "e2e/honest_client.h"
#include "e2e/program.h"
#include "http/server/edge_fixture.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr long kPeakKibibytesMax = 256 * 1024;
constexpr std::size_t kBodyBytes = 1'000'000;
constexpr std::size_t kMetadataBytes = 16'300;  // of the 16 KiB that may be stored
// Against hanging only. What it is on a machine of one's own is printed.
constexpr milliseconds kLatencyMax{10'000};

// Metadata of about as many bytes as may be stored, however PostgreSQL prints it.
std::string long_text() { return fmt::format(R"({{"note":"{}"}})", std::string(kMetadataBytes, 'x')); }
// As many values as fit: parsed, they take many times their text.
std::string many_values() {
    std::string values = "0";
    while (values.size() < kMetadataBytes * 2 / 3 - 20) values += ",0";
    return fmt::format(R"({{"values":[{}]}})", values);
}

// A body of rows with that metadata, as many as there is room for.
std::string batch(const std::string& account, const std::string& metadata, const std::string& keys) {
    std::string body = R"({"transactions":[)";
    for (int row = 0; row < 1000; ++row) {
        const std::string item = fmt::format(
            R"({}{{"account_id":"{}","amount_cents":1,"currency":"EUR","type":"CREDIT","idempotency_key":"{}-{}","metadata":{}}})",
            row > 0 ? "," : "", account, keys, row, metadata);
        if (body.size() + item.size() + 2 > kBodyBytes) break;
        body += item;
    }
    return body + "]}";
}

// Clients that each send one request after the other until the object goes, and what they were answered.
class Crowd {
public:
    using Request = std::function<std::string(int client, int turn)>;

    Crowd(std::uint16_t port, const char* from, int clients, const Request& request) {
        for (int client = 0; client < clients; ++client)
            threads_.emplace_back([=, this] { run(port, from, client, request); });
    }
    ~Crowd() { stop(); }

    void stop() {
        stopping_ = true;
        for (std::thread& thread : threads_)
            if (thread.joinable()) thread.join();
    }
    // Status 0: the connection was closed instead.
    std::map<int, int> answers() {
        const std::lock_guard lock(mutex_);
        return answers_;
    }
    bool wait_for(int status, int count) {
        return eventually([&] { return answers()[status] >= count; });
    }

private:
    void run(std::uint16_t port, const char* from, int client, const Request& request) {
        std::optional<RawConnection> connection;
        for (int turn = 0; !stopping_; ++turn) {
            if (!connection) connection.emplace(port, from);
            connection->send(request(client, turn));
            const auto response = connection->receive();
            if (!response || response->header("connection") == "close") connection.reset();
            if (response && (response->status == 503 || response->status == 429))
                EXPECT_NE(response->header("retry-after"), "") << response->body;
            const std::lock_guard lock(mutex_);
            ++answers_[response ? response->status : 0];
        }
    }

    std::atomic<bool> stopping_ = false;
    std::mutex mutex_;
    std::map<int, int> answers_;
    std::vector<std::thread> threads_;
};

std::string text_of(const std::map<int, int>& answers) {
    std::string text;
    for (const auto& [status, count] : answers) text += fmt::format(" {} x {}", count, status);
    return text;
}

class Memory : public testing::Test {
protected:
    // Letters as large as messages may be.
    void park_letters(int count) {
        db::Connection connection = up_.connect();
        const std::string sql = fmt::format(
            "INSERT INTO dead_letters (id, topic, partition, \"offset\", payload, payload_encoding, value_sha256, "
            "error_class, error_code, error_message, attempts, first_failed_at, last_failed_at) SELECT "
            "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'transactions', 0, n, repeat('x', 500000), "
            "'utf8', '', 'foreign', 'undecodable', 'no header', 1, now(), now() FROM generate_series(1, {}) AS n",
            count);
        ASSERT_EQ(first_value(connection, sql + " RETURNING 1"), "1");
    }

    // Answers to requests for large batches, while the honest client pays.
    std::map<int, int> load_with_batches(int clients, int payments) {
        Crowd batches(up_.port(), "127.0.0.4", clients, [&](int client, int turn) {
            return http::post("/v1/transactions/batch",
                              batch(honest_.account(), metadata_[static_cast<std::size_t>(client) % metadata_.size()],
                                    fmt::format("{}-{}-{}", clients, client, turn)));
        });
        EXPECT_TRUE(batches.wait_for(200, 1));
        honest_.expect_served(payments, kLatencyMax);
        batches.stop();
        return batches.answers();
    }

    TempDir dir_;
    UpProcess up_{dir_.path() / "data"};
    HonestClient honest_{up_.port(), "127.0.0.2"};
    const std::vector<std::string> metadata_ = {long_text(), many_values(), "{}"};
};

TEST_F(Memory, HoldsWhateverIsLargeWithin256MebibytesAndServesAnHonestClient) {
    park_letters(200);
    for (int i = 0; i < 20; ++i) {
        RawConnection connection(up_.port());
        connection.send(
            http::post("/v1/transactions/batch", batch(honest_.account(), long_text(), fmt::format("first-{}", i))));
        const auto response = connection.receive();
        ASSERT_TRUE(response && response->status == 200);
    }
    const std::vector<std::string> lists = {http::get("/v1/transactions?limit=1000"),
                                            http::get("/v1/dead-letters?limit=1000"),
                                            http::get("/v1/accounts/" + honest_.account() + "/entries?limit=1000")};
    Crowd readers(up_.port(), "127.0.0.5", 8,
                  [&](int client, int turn) { return lists[static_cast<std::size_t>(client + turn) % lists.size()]; });
    // They ask for a lot and read nothing of it.
    std::vector<RawConnection> silent;
    for (int i = 0; i < 100; ++i) {
        silent.emplace_back(up_.port(), "127.0.0.6", 4096);
        for (int each = 0; each < 8; ++each) silent.back().send(lists[static_cast<std::size_t>(i) % lists.size()]);
    }
    EXPECT_TRUE(readers.wait_for(200, 8));
    for (const auto& [clients, payments] : {std::pair(8, 30), std::pair(60, 40)}) {
        auto answers = load_with_batches(clients, payments);
        EXPECT_GT(answers[200], 0);
        fmt::print("{} batches at a time:{}; at most {} MiB in memory so far\n", clients, text_of(answers),
                   peak_kibibytes(up_.program().pid()) / 1024);
        // The slowest may be dropped (0) when there is no room.
        for (const int expected : {0, 200, 503}) answers.erase(expected);
        EXPECT_TRUE(answers.empty()) << text_of(answers);
    }
    readers.stop();
    fmt::print("lists:{}\n", text_of(readers.answers()));
    const long peak = peak_kibibytes(up_.program().pid());
    EXPECT_GT(peak, 0);
    EXPECT_LE(peak, kPeakKibibytesMax);
}

}  // namespace
}  // namespace ledgerline::test
