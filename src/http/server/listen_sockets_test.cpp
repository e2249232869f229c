// Which addresses a host resolves to, and which of them are bound.
#include "http/server/listen_sockets.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>

#include <set>

#include "http/server/edge_fixture.h"

namespace ledgerline::http {
namespace {

// The address and port of a bound socket, as text.
std::string name_of(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    return std::string(host) + " " + port;
}

bool has_address(const std::string& wanted) {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return false;
    bool found = false;
    for (const ifaddrs* each = list; each; each = each->ifa_next) {
        char host[NI_MAXHOST] = "";
        if (!each->ifa_addr || (each->ifa_addr->sa_family != AF_INET && each->ifa_addr->sa_family != AF_INET6))
            continue;
        const socklen_t size = each->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        getnameinfo(each->ifa_addr, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
        found = found || host == wanted;
    }
    freeifaddrs(list);
    return found;
}

std::set<std::string> bound_to(const std::string& host, std::uint16_t port = 0) {
    auto sockets = ListenSockets::bind(host, port);
    if (!sockets) return {sockets.error().code};
    std::set<std::string> names;
    const std::string suffix = " " + std::to_string(sockets->port());
    for (const auto& socket : sockets->release()) {
        const std::string name = name_of(socket.descriptor);
        EXPECT_TRUE(name.ends_with(suffix)) << name;
        names.insert(name.substr(0, name.find(' ')));
        close(socket.descriptor);
    }
    return names;
}

TEST(ListenSockets, AnAddressIsTakenAsItIs) {
    EXPECT_EQ(bound_to("127.0.0.1"), std::set<std::string>{"127.0.0.1"});
    EXPECT_EQ(bound_to("127.0.0.9"), std::set<std::string>{"127.0.0.9"});
    EXPECT_EQ(bound_to("0.0.0.0"), std::set<std::string>{"0.0.0.0"});
}

TEST(ListenSockets, LocalhostIsBothLoopbacksOnOnePort) {
    std::set<std::string> both{"127.0.0.1"};
    if (has_address("::1")) both.insert("::1");
    EXPECT_EQ(bound_to("localhost"), both);
}

TEST(ListenSockets, ANameIsAllItsAddresses) {
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    addrinfo hints{}, *list = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    std::set<std::string> expected;
    if (getaddrinfo(name, nullptr, &hints, &list) != 0) expected.insert("bad_address");
    for (const addrinfo* each = list; each; each = each->ai_next) {
        char host[NI_MAXHOST] = "";
        getnameinfo(each->ai_addr, each->ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
        if (has_address(host)) expected.insert(host);
    }
    if (list) freeaddrinfo(list);
    EXPECT_EQ(bound_to(name), expected);
}

TEST(ListenSockets, WhatIsNoAddressIsRefused) {
    for (const char* host : {"no such host", "", "127.0.0.1 ", "[::1]"})
        EXPECT_EQ(bound_to(host), std::set<std::string>{"bad_address"}) << host;
    EXPECT_EQ(bound_to("192.0.2.1"), std::set<std::string>{"listen_failed"});  // of nobody (RFC 5737)
}

TEST(ListenSockets, LoopbackIsToldFromWhatOthersCanReach) {
    for (const char* host : {"127.0.0.1", "127.9.9.9", "localhost", "::1", "::ffff:127.0.0.1"}) {
        const auto sockets = ListenSockets::bind(host, 0);
        if (sockets) EXPECT_TRUE(sockets->only_loopback()) << host;
    }
    for (const char* host : {"0.0.0.0", "::"}) {
        const auto sockets = ListenSockets::bind(host, 0);
        if (sockets) EXPECT_FALSE(sockets->only_loopback()) << host;
    }
}

// A complete exchange with whatever listens at that address.
int status_at(const std::string& host, std::uint16_t port) {
    Client client({host, port, ""});
    const auto response = client.send({"GET", "/open", {}, ""}, kPatience);
    return response ? response->status : 0;
}

class ListeningOnLocalhost : public EdgeTest {
protected:
    void SetUp() override {
        if (!has_address("::1")) GTEST_SKIP() << "this machine has no IPv6 loopback";
        config.host = "localhost";
    }
};

TEST_F(ListeningOnLocalhost, ServesOnBothUntilItStops) {
    start();
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(status_at("127.0.0.1", listener->port()), 200);
        EXPECT_EQ(status_at("::1", listener->port()), 200);
    }
    listener->stop(kPatience);
    EXPECT_EQ(status_at("127.0.0.1", listener->port()), 0);
    EXPECT_EQ(status_at("::1", listener->port()), 0);
}

TEST_F(ListeningOnLocalhost, APortThatIsTakenOnOneOfThemIsTaken) {
    config.host = "::1";
    start();
    ListenerConfig both = config;
    both.host = "localhost";
    both.port = listener->port();
    Listener second(both, router, context);
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, "address_in_use");
}

}  // namespace
}  // namespace ledgerline::http
