#include "notify/event_types.h"

#include "base/json_object.h"

namespace ledgerline::notify {

std::string own_event(std::string_view type, std::string_view id, WallTime time, const std::string& data) {
    std::string body;
    JsonObject(body)
        .add("specversion", "1.0")
        .add("id", id)
        .add("source", "ledgerline/webhooks")
        .add("type", type)
        .add("time", time)
        .add("datacontenttype", "application/json")
        .add_raw("data", data)
        .close();
    return body;
}

}  // namespace ledgerline::notify
