// What a thread does with an exception that must not end the process: it counts and logs it, and continues.
#pragma once

#include <functional>
#include <string_view>

#include "observe/metrics.h"

namespace ledgerline {

// loop: one of Metrics::loops. Called from a catch block for any exception; what: the text to log. Throws nothing.
void note_exception(Metrics& metrics, std::string_view loop, const char* what) noexcept;

// The same, for LoopThread. metrics must outlive it; loop must be a literal.
std::function<void(const char*)> exception_noter(Metrics& metrics, std::string_view loop);

}  // namespace ledgerline
