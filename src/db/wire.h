// libpq's calls with deadlines, and the meaning of a server's error. Only the files that open and use sessions need
// this.
//
// Assumes nothing from the server to be present or well formed: fields may be absent (poolers omit some), SQLSTATEs may
// be invalid, results may be of another kind than was asked for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/params.h"
#include "db/rows.h"
#include "db/statement.h"

struct pg_conn;
struct pg_result;

namespace ledgerline::db {

// The values of a call as libpq takes them, for its statement functions. params must outlive it.
class SentParams {
public:
    explicit SentParams(const Params& params);
    int size() const { return static_cast<int>(values_.size()); }
    const char* const* values() const { return values_.data(); }
    const int* lengths() const { return lengths_.data(); }
    const int* forms() const { return forms_.data(); }

private:
    std::vector<const char*> values_;
    std::vector<int> lengths_, forms_;
};

// Waits until the session's socket is ready for one of the poll() events. False when the deadline passes first.
bool wait_socket(pg_conn* raw, short events, SteadyTime deadline);

// Whether the server has sent something that was not read yet, or has closed the connection.
bool is_readable(pg_conn* raw);

// The Error for an SQLSTATE.
Error error_of(std::string_view sqlstate, std::string message);
// connection_lost, with libpq's reason or, without one, that no answer came in time.
Error lost_error(pg_conn* raw, std::string_view doing);

struct ServerError {
    Error error;
    bool ends_session;  // the session is over, or no longer useful
};
// For a result that is not a success.
ServerError server_error_of(const pg_result* result);

// Logs a notice of the server. Returns whether it is a warning and not mere information.
bool log_warning(const pg_result* notice);

// Whether a result belongs to COPY, which nothing here asks for and libpq would repeat forever.
bool is_copy(const pg_result* result);

// Each fails with connection_lost; the session is over then.
Result<void> flush(pg_conn* raw, SteadyTime deadline);
// The next result of the current command; null when it has no more.
Result<pg_result*> next_result(pg_conn* raw, SteadyTime deadline);

// Runs one statement without preparing it under a name, outside a pipeline.
Result<Rows> execute_once(pg_conn* raw, const Statement& statement, const Params& params, SteadyTime deadline);

}  // namespace ledgerline::db
