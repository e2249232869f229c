#include "base/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/text.h"

namespace ledgerline {
namespace {

std::atomic<int> lookups_under_way = 0;

// One lookup on its own thread, which outlives a caller that has given up.
struct Lookup {
    const std::string host;
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    std::string failure;
    std::vector<std::string> addresses;

    explicit Lookup(std::string name) : host(std::move(name)) { ++lookups_under_way; }
    ~Lookup() { --lookups_under_way; }

    void run() {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* list = nullptr;
        const int status = getaddrinfo(host.c_str(), nullptr, &hints, &list);
        const int system_error = errno;
        std::lock_guard lock(mutex);
        try {
            keep(status, system_error, list);
        } catch (...) {
            failure = "out of memory";  // fits into a string without allocating
        }
        if (list) freeaddrinfo(list);
        done = true;
        changed.notify_all();
    }

private:
    void keep(int status, int system_error, const addrinfo* list) {
        if (status != 0) failure = peer_text(status == EAI_SYSTEM ? std::strerror(system_error) : gai_strerror(status));
        for (const addrinfo* each = list; each; each = each->ai_next) add(*each);
        if (failure.empty() && addresses.empty()) failure = "the resolver found no address";
    }
    void add(const addrinfo& found) {
        std::array<char, NI_MAXHOST> text{};
        if (getnameinfo(found.ai_addr, found.ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
            return;
        if (addresses.size() < addresses_max &&
            std::ranges::find(addresses, std::string_view(text.data())) == addresses.end())
            addresses.emplace_back(text.data());
    }
};

bool is_address(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    // Only the system's resolver understands a scope ("fe80::1%eth0"), and it answers at once.
    return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

std::unexpected<Error> failed(std::string reason) {
    return failure(Disposition::retry, "unresolved", std::move(reason));
}

}  // namespace

Result<std::vector<std::string>> resolve(const std::string& host, SteadyTime deadline) {
    if (is_address(host)) return std::vector{host};
    if (lookups_under_way >= lookups_max) return failed("the resolver has not yet answered earlier lookups");
    const auto lookup = std::make_shared<Lookup>(host);
    try {
        std::thread thread([lookup] { lookup->run(); });
        pthread_setname_np(thread.native_handle(), "resolver");
        thread.detach();
    } catch (const std::system_error& error) {
        return failed(peer_text(error.what()));
    }
    std::unique_lock lock(lookup->mutex);
    if (!lookup->changed.wait_until(lock, deadline, [&] { return lookup->done; }))
        return failed("the resolver does not answer in time");
    if (lookup->addresses.empty()) return failed(lookup->failure);
    return lookup->addresses;
}

}  // namespace ledgerline
