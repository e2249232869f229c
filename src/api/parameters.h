// Parameters: reads the query parameters of a call strictly, and keeps all that is wrong with them.
//
//     Parameters parameters(request, names);
//     const bool dry = parameters.truth("dry_run");
//     if (auto wrong = parameters.problem()) co_return http::to_response(*wrong);
//
// What is wrong reads as absent, so that callers need to check only once, at the end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/faults.h"
#include "api/problem_code.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "http/message.h"

namespace ledgerline::api {

class Parameters {
public:
    // Complains about each parameter that is not among names, or is there twice. request must outlive this.
    Parameters(const http::Request& request, std::span<const std::string_view> names);

    // Empty when the parameter is absent or invalid.
    std::optional<std::string> text(std::string_view name, std::size_t code_points_max);
    std::optional<std::string> choice(std::string_view name, std::span<const std::string_view> choices);
    std::optional<Uuid> uuid(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
    std::optional<WallTime> time(std::string_view name);  // as in RFC 3339
    bool truth(std::string_view name);                    // false when absent
    // Complains about a parameter.
    void refuse(std::string_view name, std::string detail) {
        complain(ProblemCode::invalid_parameter, name, std::move(detail));
    }

    // Empty when nothing is wrong. Check it once all parameters have been read.
    std::optional<http::Problem> problem() const { return faults_.problem(); }

protected:
    const std::string* find(std::string_view name) const;
    void complain(ProblemCode code, std::string_view name, std::string detail);

private:
    const http::Request& request_;
    Faults faults_;
};

// For calls that read no parameter, or read them elsewhere.
inline std::optional<http::Problem> check_parameters(const http::Request& request,
                                                     std::span<const std::string_view> names) {
    return Parameters(request, names).problem();
}

}  // namespace ledgerline::api
