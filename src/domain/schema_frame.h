// The frame that readers of a schema registry expect before a value: a zero byte and the schema's id in four bytes, the
// highest first. No JSON text begins with a zero byte, so a value shows whether it has one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ledgerline {

inline constexpr std::size_t schema_frame_bytes = 5;

bool has_schema_frame(std::string_view value);
std::string with_schema_frame(std::uint32_t schema_id, std::string_view value);
// The value itself, whether it has a frame or not.
std::string_view without_schema_frame(std::string_view value);

}  // namespace ledgerline
