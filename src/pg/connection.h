// Connection: one blocking PostgreSQL session with a deadline on every call.
//
// Not thread-safe: one thread at a time. A failed call's Error carries the SQLSTATE as its code and the disposition
// that sqlstate.h gives it. After a call that lost the connection or ran out of time, usable() is false and every
// further call fails with connection_lost: open a new one.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/uuid.h"
#include "pg/sqlstate.h"
#include "pg/statement.h"

struct pg_conn;
struct pg_result;

namespace ledgerline::pg {

struct ConnectionConfig {
    std::string url;               // postgresql://... or key=value, as libpq takes it
    std::string application_name;  // shown in pg_stat_activity
    milliseconds connect_timeout{5000};
    // Enforced by the server; the client gives up a little later, so that a frozen server blocks nobody for ever.
    milliseconds statement_timeout{10000};
    milliseconds lock_timeout{5000};
    milliseconds idle_in_transaction_timeout{10000};
    // False: a commit is answered before it is on disk, and a crash of the server may undo the last ones. Only for
    // writes that may be lost without harm.
    bool durable_commits = true;
};

// Parameters of one call, in order, in PostgreSQL's text format.
class Params {
public:
    Params& add(std::string_view text);
    Params& add(const char* text) { return add(std::string_view(text)); }
    Params& add(const std::string& text) { return add(std::string_view(text)); }
    Params& add(std::int64_t number);
    Params& add(int number) { return add(static_cast<std::int64_t>(number)); }
    Params& add(bool boolean);
    Params& add(const Uuid& id);
    Params& add(WallTime time);
    Params& add_bytes(std::string_view bytes);  // bytea
    Params& add_null();
    template <class T>
    Params& add(const std::optional<T>& value) {
        return value ? add(*value) : add_null();
    }

    // Arrays: for unnest($1::uuid[], ...). A std::nullopt element is NULL.
    Params& add_array(std::span<const std::string> items);
    Params& add_array(std::span<const std::optional<std::string>> items);
    Params& add_array(std::span<const std::int64_t> items);
    Params& add_array(std::span<const Uuid> items);

    std::size_t size() const { return values_.size(); }
    // Null for NULL. Valid until the object changes.
    const char* value(std::size_t index) const { return values_[index] ? values_[index]->c_str() : nullptr; }

private:
    std::vector<std::optional<std::string>> values_;
};

// The rows that one statement gave. Owns them. Reading a column as another type than it has is a programmer error.
class Rows {
public:
    explicit Rows(pg_result* result);

    std::size_t size() const;
    bool empty() const { return size() == 0; }
    // Rows changed by an INSERT, UPDATE or DELETE.
    std::int64_t affected() const;

    bool is_null(std::size_t row, int column) const;
    std::string_view text(std::size_t row, int column) const;  // "" for NULL
    std::int64_t int64(std::size_t row, int column) const;
    bool boolean(std::size_t row, int column) const;
    Uuid uuid(std::size_t row, int column) const;
    WallTime time(std::size_t row,
                  int column) const;  // of a bigint column with microseconds since 1970: unix_micros(...)
    std::string bytes(std::size_t row, int column) const;  // of a bytea column
    std::optional<std::string> optional_text(std::size_t row, int column) const;
    std::optional<std::int64_t> optional_int64(std::size_t row, int column) const;
    std::optional<Uuid> optional_uuid(std::size_t row, int column) const;

private:
    struct Free {
        void operator()(pg_result* result) const;
    };
    std::unique_ptr<pg_result, Free> result_;
};

// One statement of a pipeline.
struct Call {
    Statement statement;
    Params params;
};

class Connection {
public:
    static Result<Connection> open(const ConnectionConfig& config);

    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;
    ~Connection();

    // Runs one prepared statement, in a transaction of its own unless begin() was called.
    Result<Rows> query(const Statement& statement, const Params& params = {});

    // Sends all calls in one round trip and returns their results in order. Outside begin()/commit() they are one
    // transaction. At the first failure the rest is skipped and the failure returned.
    Result<std::vector<Rows>> pipeline(std::span<const Call> calls);
    Result<std::vector<Rows>> pipeline(std::initializer_list<Call> calls) {
        return pipeline(std::span(calls.begin(), calls.size()));
    }

    // Runs SQL text that may hold several statements, unprepared. For migrations.
    Result<void> run_script(const std::string& sql);

    // Leaves a failed or open transaction, if there is one. Does nothing otherwise.
    void rollback();

    bool usable() const { return usable_; }
    int backend_pid() const;

private:
    struct Finish {
        void operator()(pg_conn* connection) const;
    };
    struct Prepared;  // the names prepared in this session

    explicit Connection(pg_conn* raw, const ConnectionConfig& config);
    std::unexpected<Error> lost(std::string_view doing);
    std::unexpected<Error> server_error(const pg_result* result);
    Result<void> flush(SteadyTime deadline);
    Result<void> wait_readable(SteadyTime deadline);
    // The next result of the command under way; null when it has no more.
    Result<pg_result*> next_result(SteadyTime deadline);
    Result<void> send(const Call& call);
    Result<std::vector<Rows>> receive(std::span<const Call> calls, const std::vector<bool>& prepares,
                                      SteadyTime deadline);
    Result<void> drain_to_sync(SteadyTime deadline);
    SteadyTime call_deadline() const;

    std::unique_ptr<pg_conn, Finish> raw_;
    std::unique_ptr<Prepared> prepared_;
    milliseconds call_timeout_{};
    bool usable_ = true;
};

// Statements of transaction control, for pipelines.
inline constexpr Statement begin{"begin", "BEGIN"};
inline constexpr Statement commit{"commit", "COMMIT"};

}  // namespace ledgerline::pg
