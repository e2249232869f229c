#include "lab/pgbouncer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "lab/loopback.h"

namespace ledgerline::test {
namespace {

constexpr const char* kProgram = "/usr/sbin/pgbouncer";
constexpr milliseconds kPatience{60'000};

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "pgbouncer: %s (scripts/bootstrap installs it)\n", why.c_str());
    std::_Exit(1);
}

bool accepts(std::uint16_t port) {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const bool connected = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(probe);
    return connected;
}

// What stands in a URL between two marks, slashes decoded.
std::string between(const std::string& url, const std::string& from, const char* to) {
    const auto begin = url.find(from) + from.size();
    std::string text = url.substr(begin, url.find_first_of(to, begin) - begin);
    for (auto at = text.find("%2F"); at != std::string::npos; at = text.find("%2F")) text.replace(at, 3, "/");
    return text;
}

}  // namespace

PgBouncer::PgBouncer(const TestDatabase& database, const std::string& pool_mode, const std::string& more)
    : port_(free_loopback_port()) {
    const std::string url = database.url();
    database_ = between(url, "@/", "?");
    const std::string port = url.contains("port=") ? between(url, "port=", "&") : "5432";
    std::ofstream(dir_.path() / "pgbouncer.ini") << fmt::format(
        "[databases]\n* = host={} port={} user=ledgerline password={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        "listen_port = {}\nunix_socket_dir =\nauth_type = any\npool_mode = {}\nmax_client_conn = 100\n"
        "default_pool_size = 10\nlogfile = {}\n{}\n",
        between(url, "host=", "&"), port, between(url, "ledgerline:", "@"), port_, pool_mode,
        (dir_.path() / "log").string(), more);
    auto user = cluster::cluster_user("");
    if (!user) give_up(user.error().message);
    user_ = *user;
    // It writes its log there.
    if (user_ && chown(dir_.path().c_str(), user_->uid, user_->gid) != 0) give_up("its directory cannot be given away");
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    auto started = cluster::ChildProcess::start({.arguments = {kProgram, dir_.path() / "pgbouncer.ini"},
                                                 .environment = {},
                                                 .user = user_ ? &*user_ : nullptr,
                                                 .output = nowhere,
                                                 .death_signal = SIGKILL});
    close(nowhere);
    if (!started) give_up(started.error().message);
    process_.emplace(std::move(*started));
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!accepts(port_)) {
        if (process_->wait(milliseconds(0))) give_up("it ended: " + process_->outcome());
        if (std::chrono::steady_clock::now() > end) give_up("it does not accept connections");
        std::this_thread::yield();
    }
}

PgBouncer::~PgBouncer() {
    process_->signal(SIGKILL);
    process_->wait(kPatience);
}

std::string PgBouncer::url() const {
    return fmt::format("postgresql://ledgerline@127.0.0.1:{}/{}?sslmode=disable", port_, database_);
}

}  // namespace ledgerline::test
