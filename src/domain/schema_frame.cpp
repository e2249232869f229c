#include "domain/schema_frame.h"

namespace ledgerline {

bool has_schema_frame(std::string_view value) { return value.size() >= schema_frame_bytes && value.front() == '\0'; }

std::string with_schema_frame(std::uint32_t schema_id, std::string_view value) {
    std::string framed(1, '\0');
    framed.reserve(schema_frame_bytes + value.size());
    for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>(schema_id >> shift);
    return framed.append(value);
}

std::string_view without_schema_frame(std::string_view value) {
    return has_schema_frame(value) ? value.substr(schema_frame_bytes) : value;
}

}  // namespace ledgerline
