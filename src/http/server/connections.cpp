#include "http/server/connections.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace ledgerline::http {

Connections::Place::~Place() {
    const std::lock_guard lock(owner_.mutex_);
    InHolders::unlink();
    if (client_) owner_.forget(*this);
}

void Connections::Place::begin(Doing doing) {
    const std::lock_guard lock(owner_.mutex_);
    doing_ = doing;
    bytes_ = 0;
    enlist();
}

void Connections::Place::hold(std::size_t bytes) {
    const std::lock_guard lock(owner_.mutex_);
    const bool held = std::exchange(bytes_, bytes) > 0;
    if (!held && bytes > 0) enlist();
}

void Connections::Place::progress() {
    const std::lock_guard lock(owner_.mutex_);
    enlist();
}

// Goes to the end of its lists, as the one that has moved most recently.
void Connections::Place::enlist() {
    moved_at_ = std::chrono::steady_clock::now();
    InHolders::unlink();
    if (bytes_ > 0 && doing_ == Doing::reading) owner_.readers_.push_back(*this);
    if (bytes_ > 0 && doing_ == Doing::writing) owner_.writers_.push_back(*this);
    if (bytes_ > 0 && doing_ == Doing::waiting) owner_.waiters_.push_back(*this);
    InClient::unlink();
    if (client_ && doing_ == Doing::reading) client_->unfinished.push_back(*this);
    if (client_ && doing_ == Doing::idle) client_->idle.push_back(*this);
}

std::shared_ptr<Connections::Place> Connections::admit(const boost::asio::ip::address& from, const Evict& evict) {
    auto place = std::make_shared<Place>(*this, evict);
    std::weak_ptr<Place> evicted;
    const Evict* evict_victim = nullptr;
    {
        const std::lock_guard lock(mutex_);
        Client& client = client_at(from);
        recount(client, 1);
        const bool crowded = !client.trusted && client.connections > limits_.per_client_max;
        if (crowded || count_ == limits_.connections_max) {
            Place* victim = crowded ? client.idlest() : idlest_of_the_most_crowded();
            if (!victim) {
                recount(client, -1);
                return nullptr;
            }
            evicted = victim->weak_from_this();
            evict_victim = &victim->evict_;
            forget(*victim);
        }
        ++count_;
        place->client_ = &client;
        place->enlist();
    }
    if (evict_victim) (*evict_victim)(evicted, Eviction::crowded);
    return place;
}

void Connections::relieve(Eviction reason, std::size_t bytes) {
    std::vector<std::pair<std::weak_ptr<Place>, const Evict*>> victims;
    {
        const std::lock_guard lock(mutex_);
        auto& holders = reason == Eviction::answer_bytes ? writers_ : readers_;
        const SteadyTime now = std::chrono::steady_clock::now();
        const SteadyTime still_since = now - still_min;
        for (std::size_t freed = 0; freed < bytes && victims.size() < relieved_max && !holders.empty();) {
            Place& place = holders.front();
            if (place.moved_at_ > still_since) break;
            victims.emplace_back(place.weak_from_this(), &place.evict_);
            freed += place.bytes_;
            place.InHolders::unlink();
        }
        if (Place* waiter = victims.empty() && reason == Eviction::request_bytes ? waiter_to_go(now) : nullptr) {
            victims.emplace_back(waiter->weak_from_this(), &waiter->evict_);
            waiter->InHolders::unlink();
        }
    }
    for (const auto& [place, evict] : victims) (*evict)(place, reason);
}

// A request that waits alone will get room from the ones being handled.
Connections::Place* Connections::waiter_to_go(SteadyTime now) {
    if (waiters_.empty() || std::next(waiters_.begin()) == waiters_.end()) return nullptr;
    Place& longest = waiters_.front();
    if (longest.moved_at_ > now - still_min || now - waiting_relieved_at_ < waiting_relief_interval) return nullptr;
    waiting_relieved_at_ = now;
    return &longest;
}

Connections::Place* Connections::Client::idlest() {
    if (!unfinished.empty()) return &unfinished.front();
    return idle.empty() ? nullptr : &idle.front();
}

Connections::Place* Connections::idlest_of_the_most_crowded() {
    for (auto client = crowd_.rbegin(); client != crowd_.rend(); ++client)
        if (Place* place = client->idlest()) return place;
    return nullptr;
}

Connections::Client& Connections::client_at(const boost::asio::ip::address& from) {
    const AddressBytes address = client_of(from);
    const auto [found, is_new] = clients_.try_emplace(address);
    Client& client = found->second;
    if (is_new) {
        client.address = address;
        const AddressBytes whole = bytes_of(from);
        client.trusted =
            std::ranges::any_of(limits_.trusted, [&](const Network& network) { return network.contains(whole); });
        crowd_.insert(client);
    }
    return client;
}

// Forgets a client that has no connection left.
void Connections::recount(Client& client, int change) {
    crowd_.erase(crowd_.iterator_to(client));
    client.connections += static_cast<std::size_t>(change);
    if (client.connections > 0)
        crowd_.insert(client);
    else
        clients_.erase(AddressBytes(client.address));
}

void Connections::forget(Place& place) {
    place.InClient::unlink();
    recount(*std::exchange(place.client_, nullptr), -1);
    --count_;
}

}  // namespace ledgerline::http
