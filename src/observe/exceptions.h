// What a thread does with an exception that must not end the process: it is logged, and the thread goes on.
#pragma once

#include <functional>
#include <string_view>

namespace ledgerline {

// loop: the thread's name. what: what was thrown. Throws nothing.
void note_exception(std::string_view loop, const char* what) noexcept;

// The same, for LoopThread. loop must be a literal.
std::function<void(const char*)> exception_noter(std::string_view loop);

}  // namespace ledgerline
