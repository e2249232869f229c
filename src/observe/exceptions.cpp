#include "observe/exceptions.h"

#include "observe/log.h"

namespace ledgerline {

void note_exception(std::string_view loop, const char* what) noexcept {
    try {
        log::error("a loop outlives an exception", {{"loop", loop}, {"reason", what}});
    } catch (...) {  // memory is short for this as well
    }
}

std::function<void(const char*)> exception_noter(std::string_view loop) {
    return [loop](const char* what) { note_exception(loop, what); };
}

}  // namespace ledgerline
