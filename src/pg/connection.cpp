#include "pg/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <charconv>
#include <unordered_set>

namespace ledgerline::pg {
namespace {

// How much longer than the server's statement_timeout the client waits before it gives the connection up.
constexpr milliseconds kServerGrace{2000};

std::string trimmed(const char* message) {
    std::string text = message ? message : "";
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    for (char& c : text)
        if (c == '\n') c = ' ';
    return text;
}

Error error_of(std::string_view sqlstate, std::string message) {
    return {disposition_of(classify(sqlstate)), std::string(sqlstate), std::move(message)};
}

// Waits until the connecting socket is ready. False when the deadline passes first.
bool wait_socket(PGconn* raw, short events, SteadyTime deadline) {
    while (true) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd socket{PQsocket(raw), events, 0};
        const int ready = poll(&socket, 1, static_cast<int>(left.count()));
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) return false;
    }
}

// PQconnectStart and its polling. Host names are resolved by the system's resolver, which keeps deadlines of its own.
Result<PGconn*> connect(const ConnectionConfig& config) {
    const std::string settings = fmt::format(
        "-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} -c timezone=UTC "
        "-c synchronous_commit={} -c client_min_messages=warning",
        config.statement_timeout.count(), config.lock_timeout.count(), config.idle_in_transaction_timeout.count(),
        config.durable_commits ? "on" : "off");
    const char* keywords[] = {"dbname",           "application_name", "options",
                              "client_encoding",  "keepalives_idle",  "keepalives_interval",
                              "keepalives_count", "tcp_user_timeout", nullptr};
    const char* values[] = {
        config.url.c_str(), config.application_name.c_str(), settings.c_str(), "UTF8", "5", "2", "3", "10000", nullptr};
    PGconn* raw = PQconnectStartParams(keywords, values, 1);
    if (!raw) return failure(Disposition::retry, std::string(connection_lost), "out of memory");

    const auto deadline = std::chrono::steady_clock::now() + config.connect_timeout;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (PQstatus(raw) != CONNECTION_BAD && status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        if (!wait_socket(raw, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) break;
        status = PQconnectPoll(raw);
    }
    if (status == PGRES_POLLING_OK && PQstatus(raw) == CONNECTION_OK) return raw;

    std::string message = trimmed(PQerrorMessage(raw));
    if (message.empty()) message = "no answer within " + std::to_string(config.connect_timeout.count()) + " ms";
    PQfinish(raw);
    // libpq keeps no SQLSTATE of a failed connect; these two need an operator.
    std::string_view code = connection_lost;
    if (message.find("authentication failed") != std::string::npos) code = "28P01";
    if (message.find("database \"") != std::string::npos && message.find("does not exist") != std::string::npos)
        code = "3D000";
    return std::unexpected(error_of(code, "cannot connect to PostgreSQL: " + message));
}

void append_array_item(std::string_view item, std::string& out) {
    out.push_back('"');
    for (const char c : item) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    out.push_back('"');
}

// "{a,b}" of items, each written by append.
template <class Items, class Append>
std::string array_text(const Items& items, Append append) {
    std::string out = "{";
    for (const auto& item : items) {
        if (out.size() > 1) out.push_back(',');
        append(item, out);
    }
    out.push_back('}');
    return out;
}

}  // namespace

// Params
// ---------------------------------------------------------------------------------------------------------------

Params& Params::add(std::string_view text) {
    values_.emplace_back(std::string(text));
    return *this;
}
Params& Params::add(std::int64_t number) { return add(std::string_view(std::to_string(number))); }
Params& Params::add(bool boolean) { return add(std::string_view(boolean ? "t" : "f")); }
Params& Params::add(const Uuid& id) { return add(std::string_view(id.to_string())); }
Params& Params::add(WallTime time) { return add(std::string_view(format_rfc3339(time))); }
Params& Params::add_null() {
    values_.emplace_back(std::nullopt);
    return *this;
}
Params& Params::add_bytes(std::string_view bytes) {
    std::string text = "\\x";
    for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return add(std::string_view(text));
}
Params& Params::add_array(std::span<const std::string> items) {
    return add(std::string_view(array_text(items, append_array_item)));
}
Params& Params::add_array(std::span<const std::optional<std::string>> items) {
    return add(std::string_view(array_text(items, [](const auto& item, std::string& out) {
        if (item)
            append_array_item(*item, out);
        else
            out += "NULL";
    })));
}
Params& Params::add_array(std::span<const std::int64_t> items) {
    return add(std::string_view(array_text(items, [](auto item, std::string& out) { out += std::to_string(item); })));
}
Params& Params::add_array(std::span<const Uuid> items) {
    return add(std::string_view(array_text(items, [](const Uuid& id, std::string& out) { out += id.to_string(); })));
}

// Rows
// -----------------------------------------------------------------------------------------------------------------

Rows::Rows(pg_result* result) : result_(result) {}
void Rows::Free::operator()(pg_result* result) const { PQclear(result); }
std::size_t Rows::size() const { return static_cast<std::size_t>(PQntuples(result_.get())); }
std::int64_t Rows::affected() const {
    std::int64_t count = 0;
    const std::string_view text = PQcmdTuples(result_.get());
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}
bool Rows::is_null(std::size_t row, int column) const {
    LEDGERLINE_ASSERT(row < size() && column < PQnfields(result_.get()));
    return PQgetisnull(result_.get(), static_cast<int>(row), column);
}
std::string_view Rows::text(std::size_t row, int column) const {
    LEDGERLINE_ASSERT(row < size() && column < PQnfields(result_.get()));
    const int at = static_cast<int>(row);
    return {PQgetvalue(result_.get(), at, column), static_cast<std::size_t>(PQgetlength(result_.get(), at, column))};
}
std::int64_t Rows::int64(std::size_t row, int column) const {
    const std::string_view digits = text(row, column);
    std::int64_t number = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    LEDGERLINE_ASSERT(parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size());
    return number;
}
bool Rows::boolean(std::size_t row, int column) const { return text(row, column) == "t"; }
Uuid Rows::uuid(std::size_t row, int column) const {
    const auto id = Uuid::parse(text(row, column));
    LEDGERLINE_ASSERT(id);
    return *id;
}
WallTime Rows::time(std::size_t row, int column) const {
    return WallTime(std::chrono::microseconds(int64(row, column)));
}
std::string Rows::bytes(std::size_t row, int column) const {
    std::size_t length = 0;
    unsigned char* raw = PQunescapeBytea(reinterpret_cast<const unsigned char*>(text(row, column).data()), &length);
    std::string out(reinterpret_cast<char*>(raw), length);
    PQfreemem(raw);
    return out;
}
std::optional<std::string> Rows::optional_text(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return std::string(text(row, column));
}
std::optional<std::int64_t> Rows::optional_int64(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return int64(row, column);
}
std::optional<Uuid> Rows::optional_uuid(std::size_t row, int column) const {
    if (is_null(row, column)) return std::nullopt;
    return uuid(row, column);
}

// Connection
// -----------------------------------------------------------------------------------------------------------

struct Connection::Prepared {
    std::unordered_set<std::string_view> names;
};

void Connection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

Connection::Connection(pg_conn* raw, const ConnectionConfig& config)
    : raw_(raw), prepared_(std::make_unique<Prepared>()), call_timeout_(config.statement_timeout + kServerGrace) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const ConnectionConfig& config) {
    LEDGERLINE_TRY(PGconn * raw, connect(config));
    PQsetnonblocking(raw, 1);
    return Connection(raw, config);
}

int Connection::backend_pid() const { return PQbackendPID(raw_.get()); }

SteadyTime Connection::call_deadline() const { return std::chrono::steady_clock::now() + call_timeout_; }

std::unexpected<Error> Connection::lost(std::string_view doing) {
    usable_ = false;
    std::string message = trimmed(PQerrorMessage(raw_.get()));
    if (message.empty()) message = "no answer in time";
    return std::unexpected(error_of(connection_lost, fmt::format("{}: {}", doing, message)));
}

std::unexpected<Error> Connection::server_error(const pg_result* result) {
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!sqlstate) return lost("connection to PostgreSQL lost");
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    Error error = error_of(sqlstate, trimmed(message));
    // The session's plans or prepared statements are not what we think: only a new session helps.
    if (error.code == "26000" || error.code == "0A000") usable_ = false;
    // FATAL and PANIC end the session.
    const std::string_view severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity != "ERROR") usable_ = false;
    return std::unexpected(std::move(error));
}

Result<void> Connection::flush(SteadyTime deadline) {
    while (true) {
        const int left = PQflush(raw_.get());
        if (left == 0) return {};
        if (left < 0 || !wait_socket(raw_.get(), POLLIN | POLLOUT, deadline)) return lost("sending to PostgreSQL");
        // The server may be blocked on sending to us: take what it has sent, so that it goes on reading.
        if (!PQconsumeInput(raw_.get())) return lost("sending to PostgreSQL");
    }
}

Result<void> Connection::wait_readable(SteadyTime deadline) {
    while (PQisBusy(raw_.get())) {
        if (!wait_socket(raw_.get(), POLLIN, deadline)) return lost("waiting for PostgreSQL");
        if (!PQconsumeInput(raw_.get())) return lost("reading from PostgreSQL");
    }
    return {};
}

Result<pg_result*> Connection::next_result(SteadyTime deadline) {
    LEDGERLINE_CHECK(wait_readable(deadline));
    return PQgetResult(raw_.get());
}

Result<void> Connection::send(const Call& call) {
    std::vector<const char*> values(call.params.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = call.params.value(i);
    if (!PQsendQueryPrepared(raw_.get(), call.statement.name.data(), static_cast<int>(values.size()), values.data(),
                             nullptr, nullptr, 0))
        return lost("sending to PostgreSQL");
    return {};
}

Result<Rows> Connection::query(const Statement& statement, const Params& params) {
    LEDGERLINE_TRY(auto results, pipeline({Call{statement, params}}));
    return std::move(results.front());
}

Result<std::vector<Rows>> Connection::pipeline(std::span<const Call> calls) {
    if (!usable_) return lost("the connection to PostgreSQL is gone");
    const SteadyTime deadline = call_deadline();
    if (!PQenterPipelineMode(raw_.get())) return lost("entering pipeline mode");

    std::vector<bool> prepares;
    std::unordered_set<std::string_view> preparing;
    for (const Call& call : calls) {
        const bool prepare =
            !prepared_->names.contains(call.statement.name) && preparing.insert(call.statement.name).second;
        prepares.push_back(prepare);
        if (prepare &&
            !PQsendPrepare(raw_.get(), call.statement.name.data(), std::string(call.statement.sql).c_str(), 0, nullptr))
            return lost("sending to PostgreSQL");
        LEDGERLINE_CHECK(send(call));
    }
    if (!PQpipelineSync(raw_.get())) return lost("sending to PostgreSQL");
    LEDGERLINE_CHECK(flush(deadline));

    auto results = receive(calls, prepares, deadline);
    if (usable_) {
        LEDGERLINE_CHECK(drain_to_sync(deadline));
        if (!PQexitPipelineMode(raw_.get())) return lost("leaving pipeline mode");
    }
    return results;
}

Result<std::vector<Rows>> Connection::receive(std::span<const Call> calls, const std::vector<bool>& prepares,
                                              SteadyTime deadline) {
    std::vector<Rows> results;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        for (int part = prepares[i] ? 0 : 1; part < 2; ++part) {
            LEDGERLINE_TRY(pg_result * raw, next_result(deadline));
            if (!raw) return lost("reading from PostgreSQL");
            Rows rows(raw);
            const auto status = PQresultStatus(raw);
            if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return server_error(raw);
            if (part == 0)
                prepared_->names.insert(calls[i].statement.name);
            else
                results.push_back(std::move(rows));
            // Each command's results end with a null.
            LEDGERLINE_TRY(pg_result * end, next_result(deadline));
            LEDGERLINE_ASSERT(!end);
        }
    }
    return results;
}

Result<void> Connection::drain_to_sync(SteadyTime deadline) {
    while (true) {
        LEDGERLINE_TRY(pg_result * raw, next_result(deadline));
        if (!raw) {
            if (PQstatus(raw_.get()) != CONNECTION_OK) return lost("reading from PostgreSQL");
            continue;
        }
        const Rows rows(raw);
        if (PQresultStatus(raw) == PGRES_PIPELINE_SYNC) return {};
        if (PQresultStatus(raw) == PGRES_FATAL_ERROR && PQstatus(raw_.get()) != CONNECTION_OK)
            return lost("connection to PostgreSQL lost");
    }
}

Result<void> Connection::run_script(const std::string& sql) {
    if (!usable_) return lost("the connection to PostgreSQL is gone");
    const SteadyTime deadline = call_deadline();
    if (!PQsendQuery(raw_.get(), sql.c_str())) return lost("sending to PostgreSQL");
    LEDGERLINE_CHECK(flush(deadline));
    Result<void> outcome;
    while (true) {
        LEDGERLINE_TRY(pg_result * raw, next_result(deadline));
        if (!raw) return outcome;
        const Rows rows(raw);
        if (PQresultStatus(raw) == PGRES_FATAL_ERROR && outcome) outcome = server_error(raw);
    }
}

void Connection::rollback() {
    if (!usable_ || PQtransactionStatus(raw_.get()) == PQTRANS_IDLE) return;
    if (!run_script("ROLLBACK")) usable_ = false;
}

}  // namespace ledgerline::pg
