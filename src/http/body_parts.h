// BodyParts: a body that is made while it is sent, such as a stream of events. Nobody knows its length.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "http/server/byte_budget.h"

namespace ledgerline::http {

class BodyParts {
public:
    virtual ~BodyParts() = default;

    // The next part; empty: the body ends. It may wait, as a handler may, but not for long: a client that has gone is
    // noticed when it is sent something, and a listener that stops waits for the part. memory: for the part, released
    // once it is sent; a part of more than a few KiB takes room there first (room.h).
    virtual boost::asio::awaitable<std::string> next(ByteBudget::Share& memory) = 0;
};

}  // namespace ledgerline::http
