// Exchange: one request on its way through the edge, and what else the edge knows about it.
#pragma once

#include <string>
#include <vector>

#include "base/wipe.h"
#include "http/message.h"
#include "http/router.h"
#include "http/server/byte_budget.h"
#include "http/server/head.h"
#include "observe/span.h"

namespace ledgerline::http {

struct Exchange {
    Exchange(ByteBudget& requests, ByteBudget& answers) {
        request.memory = ByteBudget::Share(requests);
        request.answer_memory = ByteBudget::Share(answers);
    }
    ~Exchange() { drop_request(); }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    Request request;
    Framing framing;
    std::size_t head_bytes = 0;    // memory taken by the request's head
    const Route* route = nullptr;  // null until one is found
    bool close = false;            // the connection closes after this answer
    bool handled = false;          // the handler ran: the answer is not the edge's own
    WallTime begun_at;             // when its first byte arrived
    Span span;                     // ends with the answer
    SteadyTime complete_at;        // when the last byte arrived, or the edge refused
    std::string failure;           // what the handler threw; for the log only

    // Frees what only the handler needed, and the room reserved for it. Keys, tokens and cookies leave nothing in
    // memory.
    void drop_request() {
        for (auto& [name, value] : request.headers) wipe(value);
        std::vector<Header>().swap(request.headers);
        request.drop_body();
        request.memory.release();
    }
};

}  // namespace ledgerline::http
