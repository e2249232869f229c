// RefusedLogins: who was not let in, until somebody writes it down. Those who come again from the same address for the
// same reason are counted. Safe to use from any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace ledgerline::http {

struct RefusedLogin {
    std::string peer;
    std::string code;        // of the problem
    std::string key_id;      // "": none was known
    std::string request_id;  // of the first one
    std::string wanted;      // by the first one: method and path
    std::int64_t count = 0;
};

class RefusedLogins {
public:
    // Kept apart at a time. All others are counted as one, from the peer "others".
    static constexpr std::size_t kept_max = 100;
    static constexpr std::size_t wanted_bytes_max = 200;

    void note(const Request& request, std::string_view code, std::string_view key_id);
    std::vector<RefusedLogin> take();

private:
    std::mutex mutex_;
    std::vector<RefusedLogin> refused_;
};

}  // namespace ledgerline::http
