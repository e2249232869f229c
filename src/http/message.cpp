#include "http/message.h"

#include <algorithm>

#include "http/api_key.h"

namespace ledgerline::http {

const std::string* Request::header(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, &Header::first);
    return found == headers.end() ? nullptr : &found->second;
}

void Request::drop_body() {
    const std::size_t weight = std::min(body.capacity(), memory.bytes());
    std::string().swap(body);
    memory.resize(memory.bytes() - weight);
}

std::string_view Request::key_id() const { return key ? std::string_view(key->id) : std::string_view(); }

std::string_view Request::path_param(std::string_view name) const {
    const auto found = std::ranges::find(path_params, name, &std::pair<std::string, std::string>::first);
    return found == path_params.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace ledgerline::http
