// Connections: who is connected to a listener, from where, and which connection is evicted when there is no room.
//
// A connection that is owed an answer is never evicted to make room for another connection. Of the others, those that
// have not finished a request, or never begun one, go before those that are idle after one; within each kind, the one
// that has been still the longest. A client at its share evicts one of its own; when the listener is full, the client
// with the most connections does.
//
// Safe to use from any thread.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "http/server/network.h"

namespace ledgerline::http {

// Why a connection is evicted.
enum class Eviction { crowded, request_bytes, answer_bytes };

class Connections {
public:
    struct Limits {
        std::size_t connections_max;
        std::size_t per_client_max;
        std::vector<Network> trusted;  // not limited by per_client_max
    };
    // What a connection is doing: its request is expected or partly received; it waits for room for more of the
    // request; the request is complete; its large answer is being written; it is idle between requests.
    enum class Doing { reading, waiting, working, writing, idle };
    class Place;
    // Tells a connection to close. Called on any thread, after the decision; place may be gone by then.
    using Evict = std::function<void(const std::weak_ptr<Place>& place, Eviction reason)>;

    // To free bytes, only connections that have been still for still_min are evicted, at most relieved_max at once.
    static constexpr milliseconds still_min{50};
    static constexpr std::size_t relieved_max = 64;
    // When none is still and several wait for room, each with a part of its body, they wait for one another: the one
    // that has waited longest is evicted, one at a time.
    static constexpr milliseconds waiting_relief_interval{20};

    explicit Connections(Limits limits) : limits_(std::move(limits)) {}
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    // A place for a new connection, possibly that of another one, which is evicted; null when there is none. evict is
    // used to evict the new connection, and must outlive its place.
    std::shared_ptr<Place> admit(const boost::asio::ip::address& from, const Evict& evict);

    // Evicts connections that are still and together hold that many bytes, or else one of those that wait for room.
    void relieve(Eviction reason, std::size_t bytes);

private:
    struct Client;
    struct InClientTag;
    struct InHoldersTag;
    template <class Tag>
    using Hook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>,
                                                  boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
    template <class Tag>
    using List = boost::intrusive::list<Place, boost::intrusive::base_hook<Hook<Tag>>,
                                        boost::intrusive::constant_time_size<false>>;
    using InClient = Hook<InClientTag>;
    using InHolders = Hook<InHoldersTag>;

public:
    // Used by its connection's thread. Destroying it returns the place.
    class Place : public std::enable_shared_from_this<Place>, public InClient, public InHolders {
    public:
        Place(Connections& owner, const Evict& evict) : owner_(owner), evict_(evict) {}
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

        void begin(Doing doing);
        Doing doing() const { return doing_; }
        // How many bytes it holds for its current activity.
        void hold(std::size_t bytes);
        // As many bytes have moved as the pace requires.
        void progress();

        // What the connection does when it is evicted; called on its own thread.
        std::function<void(Eviction)> on_evict;

    private:
        friend class Connections;
        void enlist();

        Connections& owner_;
        const Evict& evict_;
        Client* client_ = nullptr;  // null before admission, and once another connection has the place
        Doing doing_ = Doing::reading;
        std::size_t bytes_ = 0;
        SteadyTime moved_at_;
    };

private:
    // Every list begins with the connection that has been still the longest.
    struct Client : boost::intrusive::set_base_hook<> {
        AddressBytes address{};
        bool trusted = false;
        std::size_t connections = 0;
        List<InClientTag> unfinished, idle;

        // Trusted ones come last, however many connections they have.
        std::pair<bool, std::size_t> crowd() const { return {!trusted, connections}; }
        bool operator<(const Client& other) const { return crowd() < other.crowd(); }
        Place* idlest();
    };

    Client& client_at(const boost::asio::ip::address& from);
    void recount(Client& client, int change);
    Place* idlest_of_the_most_crowded();
    Place* waiter_to_go(SteadyTime now);
    void forget(Place& place);

    const Limits limits_;
    std::mutex mutex_;
    std::size_t count_ = 0;
    std::map<AddressBytes, Client> clients_;
    boost::intrusive::multiset<Client> crowd_;        // the most crowded comes last
    List<InHoldersTag> readers_, writers_, waiters_;  // those that hold bytes, over all clients
    SteadyTime waiting_relieved_at_{};
};

}  // namespace ledgerline::http
