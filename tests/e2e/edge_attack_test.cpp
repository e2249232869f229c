// One honest client among many that hold on to the edge: sockets without a head, bodies that lack a byte, answers that
// nobody reads. On the program itself, whose memory is measured by the kernel.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>

#include "e2e/honest_client.h"
#include "e2e/program.h"
#include "http/server/edge_fixture.h"
#include "lab/test_database.h"

namespace ledgerline::test {
namespace {

constexpr const char* kAttacker = "127.0.0.3";
constexpr std::size_t kHeadless = 5'000;
constexpr std::size_t kShortBodies = 256;
constexpr std::size_t kSlowReaders = 128;
constexpr int kPayments = 300;
constexpr long kPeakKibibytesMax = 256 * 1024;
// Against hanging only. What it is on a machine of one's own is printed.
constexpr milliseconds kLatencyMax{10'000};

void allow_many_descriptors() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

bool is_closed(int socket) {
    char byte = 0;
    const ssize_t seen = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return seen == 0 || (seen < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

// Connections of one kind, each opened again as soon as the server has closed it, until the object goes.
class Attack {
public:
    using Open = std::function<RawConnection()>;

    Attack(std::size_t count, Open open) : thread_([this, count, open = std::move(open)] { run(count, open); }) {}
    ~Attack() {
        stopping_ = true;
        thread_.join();
    }
    bool wait_until_under_way() const {
        return eventually([this] { return under_way_.load(); });
    }

private:
    void run(std::size_t count, const Open& open) {
        std::vector<RawConnection> connections;
        while (!stopping_ && connections.size() < count) connections.push_back(open());
        under_way_ = true;
        while (!stopping_) {
            for (RawConnection& connection : connections)
                if (!stopping_ && is_closed(connection.socket())) connection = open();
            std::this_thread::sleep_for(milliseconds(20));
        }
    }

    std::atomic<bool> stopping_ = false;
    std::atomic<bool> under_way_ = false;
    std::thread thread_;
};

class EdgeAttack : public testing::Test {
protected:
    EdgeAttack() { allow_many_descriptors(); }

    TempDir dir_;
    UpProcess up_{dir_.path() / "data"};
    HonestClient honest_{up_.port(), "127.0.0.2"};
};

TEST_F(EdgeAttack, LeavesAnHonestClientServedInBoundedMemory) {
    // So that a page of the list is as large as a page may be.
    const std::string metadata = fmt::format(R"({{"note":"{}"}})", std::string(12'000, 'x'));
    for (int i = 0; i < 150; ++i) ASSERT_TRUE(honest_.pay(metadata));

    const std::uint16_t port = up_.port();
    const std::string body(1'000'000, ' ');
    const std::string short_body = http::post("/v1/transactions/batch", body);
    std::string list;
    for (int i = 0; i < 16; ++i) list += http::get("/v1/transactions?limit=1000") + http::get("/openapi.json");
    std::atomic<unsigned> turn = 0;
    const Attack headless(kHeadless, [&] {
        RawConnection connection(port, kAttacker);
        if (++turn % 2 == 0) connection.send("POST /v1/transactions HTTP/1.1\r\nHost: ");
        return connection;
    });
    const Attack bodies(kShortBodies, [&] {
        RawConnection connection(port, "127.0.0.4");
        connection.send(std::string_view(short_body).substr(0, short_body.size() - 1));
        return connection;
    });
    const Attack readers(kSlowReaders, [&] {
        RawConnection connection(port, "127.0.0.5", 4096);
        connection.send(list);
        return connection;
    });
    for (const Attack* attack : {&headless, &readers, &bodies}) ASSERT_TRUE(attack->wait_until_under_way());

    honest_.expect_served(kPayments, kLatencyMax);
    const long peak = peak_kibibytes(up_.program().pid());
    EXPECT_GT(peak, 0);
    EXPECT_LE(peak, kPeakKibibytesMax);
    fmt::print("at most {} MiB in memory\n", peak / 1024);
}

}  // namespace
}  // namespace ledgerline::test
