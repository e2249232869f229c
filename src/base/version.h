// The version of this binary: that of the project in CMakeLists.txt.
#pragma once

namespace ledgerline {

inline constexpr const char* version = LEDGERLINE_VERSION;

}  // namespace ledgerline
