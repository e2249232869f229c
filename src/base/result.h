// Result: what a function that can fail in an expected way returns.
//
// Every failure is classified once, where it is first seen, by what its caller should do about it. Programmer errors
// are not failures: they abort (LEDGERLINE_ASSERT).
#pragma once

#include <expected>
#include <source_location>
#include <string>
#include <utility>

namespace ledgerline {

enum class Disposition {
    retry,   // the same call may succeed later: a server is down, a lock was not granted in time
    refuse,  // this input cannot succeed; other inputs can
    stop,    // nothing can succeed until somebody repairs the installation
};

struct Error {
    Disposition disposition = Disposition::refuse;
    std::string code;     // stable and short, for programs; an SQLSTATE where PostgreSQL gave one
    std::string message;  // for people; never holds a secret
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> failure(Disposition disposition, std::string code, std::string message) {
    return std::unexpected(Error{disposition, std::move(code), std::move(message)});
}

// Whether the call failed because of its input, so that the same input can never succeed.
template <class T>
bool is_refusal(const Result<T>& result) {
    return !result && result.error().disposition == Disposition::refuse;
}

// Prints the place and the reason to stderr and aborts.
[[noreturn]] void abort_on_bug(const char* expression, std::source_location where);

}  // namespace ledgerline

#define LEDGERLINE_ASSERT(expression) \
    (static_cast<bool>(expression) ? void() : ::ledgerline::abort_on_bug(#expression, std::source_location::current()))

// LEDGERLINE_TRY(auto rows, connection.query(...));  declares rows, or returns the error from the enclosing function.
#define LEDGERLINE_TRY(declaration, expression) LEDGERLINE_TRY_AT(declaration, expression, __LINE__)
// LEDGERLINE_CHECK(store.commit(...));  the same for a call whose value is not needed.
#define LEDGERLINE_CHECK(expression)                                   \
    do {                                                               \
        if (auto checked_result = (expression); !checked_result)       \
            return std::unexpected(std::move(checked_result).error()); \
    } while (false)

#define LEDGERLINE_TRY_AT(declaration, expression, line) LEDGERLINE_TRY_IMPL(declaration, expression, line)
#define LEDGERLINE_TRY_IMPL(declaration, expression, line)                                \
    auto try_result_##line = (expression);                                                \
    if (!try_result_##line) return std::unexpected(std::move(try_result_##line).error()); \
    declaration = std::move(*try_result_##line)
