// Connections: who is connected to a listener, from where, and who has to go when there is no room.
//
// Whoever is owed an answer is never thrown out to make room for a connection. Of the others, those that have not
// finished a request, or never begun one, go before those that are idle after one; of each kind the one that has stood
// still for the longest time. A client that has its share makes room by itself; when the listener is full, the client
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

// What a connection is thrown out for.
enum class Eviction { crowded, request_bytes, answer_bytes };

class Connections {
public:
    struct Limits {
        std::size_t connections_max;
        std::size_t per_client_max;
        std::vector<Network> trusted;  // have no such share
    };
    // What one connection does: a request that is awaited or has come in part; one that waits for room for more of it;
    // one that is complete; its answer, where that is large; nothing between requests.
    enum class Doing { reading, waiting, working, writing, idle };
    class Place;
    // Tells a connection to go. Called on any thread, after the decision; place may have ended meanwhile.
    using Evict = std::function<void(const std::weak_ptr<Place>& place, Eviction reason)>;

    // For their bytes only those are thrown out that have stood still for so long, and so many at once.
    static constexpr milliseconds still_min{50};
    static constexpr std::size_t relieved_max = 64;
    // Where nobody stands still and several wait for room, each with a part of its body, they wait for one another: the
    // one that has waited longest goes, one at a time.
    static constexpr milliseconds waiting_relief_interval{20};

    explicit Connections(Limits limits) : limits_(std::move(limits)) {}
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    // A place for a new connection, perhaps that of another one, which is told to go; null when there is none. evict is
    // what tells the new one to go, and must outlive its place.
    std::shared_ptr<Place> admit(const boost::asio::ip::address& from, const Evict& evict);

    // Tells those to go that hold so many bytes together and stand still, or else one of those that wait for room.
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
    // Used by the thread of its connection. The place is given back when it is destroyed.
    class Place : public std::enable_shared_from_this<Place>, public InClient, public InHolders {
    public:
        Place(Connections& owner, const Evict& evict) : owner_(owner), evict_(evict) {}
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

        void begin(Doing doing);
        Doing doing() const { return doing_; }
        // How many bytes it holds for what it does.
        void hold(std::size_t bytes);
        // Bytes have moved, as many as its pace asks for.
        void progress();

        // What the connection does when it is told to go; called by its own thread.
        std::function<void(Eviction)> on_evict;

    private:
        friend class Connections;
        void enlist();

        Connections& owner_;
        const Evict& evict_;
        Client* client_ = nullptr;  // null before it is admitted, and once the place is another one's
        Doing doing_ = Doing::reading;
        std::size_t bytes_ = 0;
        SteadyTime moved_at_;
    };

private:
    // All lists begin with the one that has stood still for the longest time.
    struct Client : boost::intrusive::set_base_hook<> {
        AddressBytes address{};
        bool trusted = false;
        std::size_t connections = 0;
        List<InClientTag> unfinished, idle;

        // Trusted ones are asked last, however many connections they have.
        std::pair<bool, std::size_t> crowd() const { return {!trusted, connections}; }
        bool operator<(const Client& other) const { return crowd() < other.crowd(); }
        Place* stillest();
    };

    Client& client_at(const boost::asio::ip::address& from);
    void recount(Client& client, int change);
    Place* stillest_of_the_most_crowded();
    Place* waiter_to_go(SteadyTime now);
    void forget(Place& place);

    const Limits limits_;
    std::mutex mutex_;
    std::size_t count_ = 0;
    std::map<AddressBytes, Client> clients_;
    boost::intrusive::multiset<Client> crowd_;        // the most crowded is last
    List<InHoldersTag> readers_, writers_, waiters_;  // who holds bytes, of all clients
    SteadyTime waiting_relieved_at_{};
};

}  // namespace ledgerline::http
