#include "observe/exceptions.h"

#include "observe/log.h"

namespace ledgerline {

void note_exception(Metrics& metrics, std::string_view loop, const char* what) noexcept {
    try {
        metrics.loop_exceptions(loop).Increment();
        log::error("a loop survived an exception", {{"loop", loop}, {"reason", what}});
    } catch (...) {  // NOLINT(bugprone-empty-catch): there is no memory for this either
    }
}

std::function<void(const char*)> exception_noter(Metrics& metrics, std::string_view loop) {
    return [&metrics, loop](const char* what) { note_exception(metrics, loop, what); };
}

}  // namespace ledgerline
