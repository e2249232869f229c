// The files of the console, embedded at build time.
#pragma once

#include <span>
#include <string_view>

namespace ledgerline::console {

struct Asset {
    std::string_view name;  // "app.js"
    std::string_view content_type;
    std::string_view etag;  // with its quotes
    std::string_view text;
};

std::span<const Asset> assets();

}  // namespace ledgerline::console
