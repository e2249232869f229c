#include "lab/pgbouncer.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "lab/sockets.h"

namespace ledgerline::test {
namespace {

constexpr const char* kProgram = "/usr/sbin/pgbouncer";
constexpr const char* kName = "pgbouncer (scripts/bootstrap installs it)";

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
    : port_(free_port()) {
    const std::string url = database.url();
    database_ = between(url, "@/", "?");
    const std::string port = url.contains("port=") ? between(url, "port=", "&") : "5432";
    std::ofstream(dir_.path() / "pgbouncer.ini") << fmt::format(
        "[databases]\n* = host={} port={} user=ledgerline password={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        "listen_port = {}\nunix_socket_dir =\nauth_type = any\npool_mode = {}\nmax_client_conn = 100\n"
        "default_pool_size = 10\nlogfile = {}\n{}\n",
        between(url, "host=", "&"), port, between(url, "ledgerline:", "@"), port_, pool_mode,
        (dir_.path() / "log").string(), more);
    const auto user = must(kName, cluster::cluster_user(""));
    // It writes its log there.
    if (user && chown(dir_.path().c_str(), user->uid, user->gid) != 0)
        give_up(kName, "its directory cannot be given away");
    process_.emplace(kName, Process::Command{.arguments = {kProgram, dir_.path() / "pgbouncer.ini"}, .user = user});
    process_->start();
    if (!eventually([this] { return !process_->running() || accepts(port_); }))
        give_up(kName, "it accepts no connection");
    if (!process_->running()) give_up(kName, process_->outcome() + ": " + process_->output());
}

std::string PgBouncer::url() const {
    return fmt::format("postgresql://ledgerline@127.0.0.1:{}/{}?sslmode=disable", port_, database_);
}

}  // namespace ledgerline::test
