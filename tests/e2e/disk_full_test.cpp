// A disk with no room left, which is a small file system of the test's own.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "e2e/program.h"
#include "lab/postgres_server.h"

namespace ledgerline::test {
namespace {

// Mounted in a namespace of this thread and of the programs it starts, with which it goes.
class SmallDisk {
public:
    SmallDisk() {
        is_mounted_ = unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      mount("none", dir_.path().c_str(), "tmpfs", 0, "size=96m,mode=755") == 0;
    }
    ~SmallDisk() {
        if (is_mounted_) umount2(dir_.path().c_str(), MNT_DETACH);
    }
    bool is_mounted() const { return is_mounted_; }
    std::filesystem::path path() const { return dir_.path(); }

    void fill() const {
        std::ofstream file(path() / "filler", std::ios::binary);
        const std::string block(64 * 1024, '\0');
        while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
        }
    }
    void empty() const { std::filesystem::remove(path() / "filler"); }

private:
    TempDir dir_;
    bool is_mounted_ = false;
};

TEST(DiskFull, IsSaidAndPassesByItself) {
    const SmallDisk disk;
    if (!disk.is_mounted()) GTEST_SKIP() << "this user may not mount a file system";
    const PostgresServer server({.directory = disk.path() / "data", .settings = ""});
    RoleProcess up({"up", "--database-url", server.url(), "--listen", "127.0.0.1:0"});
    ApiClient client(up.port());
    const auto ready_says = [&](int status, const std::string& text) {
        const Answer reply = client.get("/readyz");
        return reply.status == status && json::serialize(reply.body).contains(text);
    };
    EXPECT_TRUE(eventually([&] { return ready_says(200, R"("ready")"); }));
    const std::string account = client.open_account();
    int posted = 0;
    const auto post = [&](int number) {
        const std::string filling(8000, static_cast<char>('a' + number % 26));
        const std::string body = transaction_json(account, std::to_string(number), 1, "CREDIT",
                                                  R"(,"metadata":{"fill":")" + filling + R"("})");
        return client.post("/v1/transactions", body).status;
    };
    ASSERT_EQ(post(++posted), 201);

    disk.fill();
    EXPECT_TRUE(eventually([&] { return ready_says(503, "No space left on device"); }));
    EXPECT_TRUE(ready_says(503, R"("missing":["database"])"));
    EXPECT_EQ(client.get("/livez").status, 200);
    int refused = 201;
    EXPECT_TRUE(eventually([&] {
        refused = post(++posted);
        return refused != 201;
    }));
    EXPECT_EQ(refused, 503) << "nobody is at fault";

    disk.empty();
    EXPECT_TRUE(eventually([&] { return ready_says(200, R"("ready")"); }));
    EXPECT_EQ(post(posted), 201) << "the same request, again";
    EXPECT_TRUE(eventually([&] {
        return server.value("SELECT count(*) FROM decisions") == server.value("SELECT count(*) FROM accepted");
    }));
    EXPECT_EQ(server.value("SELECT count(*) FROM dead_letters"), "0");
    EXPECT_EQ(up.stop(), "exit code 0") << up.program().output();
}

}  // namespace
}  // namespace ledgerline::test
