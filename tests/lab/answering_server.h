// A server on a free port that answers every request with what the test supplies, valid HTTP or not.
//
//     AnsweringServer server(AnsweringServer::always(http_answer("200 OK", "{}")));
//     call({"lanes"}, server.url());
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "lab/eventually.h"

namespace ledgerline::test {

std::string http_answer(std::string_view status, std::string_view body, std::string_view more_headers = "");

// Sends all of it, as long as the client reads.
bool send_all(int socket, std::string_view bytes);
// Waits for more of a request; "" once the client has closed its connection.
std::string receive_some(int socket);

class AnsweringServer {
public:
    // Receives what has arrived of a connection's first request, and writes the answer. One connection at a time, on
    // the server's thread; the connection is closed afterwards.
    using Work = std::function<void(int socket, const std::string& request)>;

    explicit AnsweringServer(Work work);
    AnsweringServer(const AnsweringServer&) = delete;
    ~AnsweringServer();

    // The same answer to all requests.
    static Work always(std::string answer);
    // Accepts requests and never answers.
    static Work silence();

    std::uint16_t port() const { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    // Keeps connections open without reading from them, for clients that wait in vain.
    void hold_connections() { hold_ = true; }
    // Waits until that many connections have arrived. False when at_most passes first.
    bool wait_connections(int count, milliseconds at_most = patience);
    // Ends the server, after the work under way.
    void end();

private:
    void run();

    const Work work_;
    const int socket_;
    const std::uint16_t port_;
    std::atomic<bool> ending_ = false;
    std::atomic<bool> hold_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    int connections_ = 0;  // guarded by mutex_
    std::vector<int> held_;
    std::thread thread_;
};

}  // namespace ledgerline::test
