#include "bench/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace ledgerline::bench {

Result<void> Connection::connect(std::uint16_t port) {
    socket_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    if (!socket_.is_open() ||
        ::connect(socket_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        setsockopt(socket_.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        fcntl(socket_.number(), F_SETFL, O_NONBLOCK) != 0)
        return failure(Disposition::retry, "connect_failed",
                       fmt::format("cannot connect to 127.0.0.1:{}: {}", port, std::strerror(errno)));
    busy_ = false;
    unsent_ = {};
    return {};
}

Connection::Progress Connection::send(Source& source, SteadyTime since) {
    answer_.reset();
    unsent_ = text_.next(source);
    since_ = since;
    busy_ = true;
    return write();
}

Connection::Progress Connection::write() {
    while (!unsent_.empty()) {
        const auto written = ::send(socket_.number(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno == EAGAIN ? Progress::waiting : Progress::broken;
        unsent_.remove_prefix(static_cast<std::size_t>(written));
    }
    return Progress::waiting;
}

Connection::Progress Connection::go_on() {
    if (write() == Progress::broken) return Progress::broken;
    while (true) {
        const auto room = answer_.room();
        const auto got = ::recv(socket_.number(), room.data(), room.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return Progress::waiting;
        // Nothing may come while no request is under way.
        if (got <= 0 || !busy_) return Progress::broken;
        switch (answer_.take(static_cast<std::size_t>(got))) {
            case AnswerReader::State::malformed:
                return Progress::broken;
            case AnswerReader::State::complete:
                busy_ = false;
                return Progress::answered;
            case AnswerReader::State::incomplete:
                break;
        }
        // A read that was not filled has emptied the socket.
        if (static_cast<std::size_t>(got) < room.size()) return Progress::waiting;
    }
}

}  // namespace ledgerline::bench
