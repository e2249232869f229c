// What a lane waits for, in words.
#pragma once

#include <string>

#include "base/json.h"

namespace ledgerline::cli {

// "lane 7 at 17 (its event id), halted: 22003: ..." of a lane that waits for another one; otherwise empty.
std::string text_of_wait(const json::Value& lane);

}  // namespace ledgerline::cli
