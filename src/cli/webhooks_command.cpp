#include <thread>

#include "cli/cli.h"
#include "cli/field_options.h"
#include "cli/made_secret.h"
#include "cli/operator_option.h"
#include "cli/server.h"
#include "cli/server_command.h"
#include "roles/exit_code.h"

namespace ledgerline::cli {
namespace {

constexpr milliseconds kOverlapMax{std::int64_t{30} * 24 * 3600 * 1000};
// How long a message that was asked for is waited for, and how often it is looked at.
constexpr milliseconds kSentMax{30'000};
constexpr milliseconds kLookEvery{250};

struct Options {
    ServerOptions server;
    OutputOptions output;
    std::string id, delivery_id, url, secret_file, status;
    std::vector<std::string> events, accounts;
    std::string description;
    bool no_description = false, all_events = false, all_accounts = false, enable = false, disable = false;
    std::optional<milliseconds> overlap;
    std::string operator_name = user_name();
    std::int64_t limit = 50;

    std::string path() const { return "/v1/webhooks/" + id; }
};

const Field kWebhookFields[] = {{"id", "id"},
                                {"url", "url"},
                                {"status", "status"},
                                {"reason", "reason"},
                                {"pending", "pending", Align::right},
                                {"events", "events"},
                                {"account_ids", "account_ids"},
                                {"description", "description"},
                                {"created_at", "created_at"}};

const Field kDeliveryFields[] = {{"id", "id"},
                                 {"created_at", "created_at"},
                                 {"event_type", "event_type"},
                                 {"status", "status"},
                                 {"attempts", "attempts", Align::right},
                                 {"next_attempt_at", "next_attempt_at"},
                                 {"account_id", "account_id"},
                                 {"event_id", "event_id"}};

Result<int> print_made(const roles::Environment& environment, const Options& options, Server& server,
                       const std::string& path, json::Object body) {
    return print_made(environment, options.output, server,
                      {.path = path,
                       .body = std::move(body),
                       .operator_name = options.operator_name,
                       .member = "secret",
                       .flag = "--secret-file",
                       .file = options.secret_file});
}

// What create and update may say alike.
Result<json::Object> terms_of(const Options& options, Server& server) {
    json::Object body;
    if (!options.url.empty()) body.emplace_back("url", options.url);
    if (!options.events.empty() || options.all_events)
        body.emplace_back("events", json::Array(options.events.begin(), options.events.end()));
    json::Array accounts;
    for (const std::string& account : options.accounts) {
        LEDGERLINE_TRY(std::string id, resolve_account(server, account));
        accounts.emplace_back(std::move(id));
    }
    if (!accounts.empty() || options.all_accounts) body.emplace_back("account_ids", std::move(accounts));
    if (!options.description.empty()) body.emplace_back("description", options.description);
    if (options.no_description) body.emplace_back("description", json::Value());
    return body;
}

Result<int> create(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(json::Object body, terms_of(options, server));
    return print_made(environment, options, server, "/v1/webhooks", std::move(body));
}

Result<int> rotate(const roles::Environment& environment, const Options& options, Server& server) {
    json::Object body;
    if (options.overlap) body.emplace_back("overlap_s", options.overlap->count() / 1000);
    return print_made(environment, options, server, options.path() + "/rotate", std::move(body));
}

Result<int> list(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_CHECK(
        print_pages(environment, options.output, server,
                    {.path = "/v1/webhooks", .member = "webhooks", .limit = options.limit, .fields = kWebhookFields}));
    return roles::exit_ok;
}

Result<int> show(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value webhook, server.get(options.path(), "id"));
    print_object(environment, options.output, webhook);
    return roles::exit_ok;
}

Result<int> update(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(json::Object body, terms_of(options, server));
    if (options.enable || options.disable) body.emplace_back("status", options.enable ? "ENABLED" : "DISABLED");
    LEDGERLINE_TRY(const json::Value webhook,
                   server.send("PATCH", options.path(), std::move(body), "id", operator_header(options.operator_name)));
    print_object(environment, options.output, webhook);
    return roles::exit_ok;
}

// The object in the answer to a call without a body.
Result<json::Value> bodiless(const Options& options, Server& server, std::string_view method, const std::string& path) {
    LEDGERLINE_TRY(Answer answer, server.call_until_known(method, path, "", operator_header(options.operator_name)));
    if (!answer.ok()) return std::unexpected(server.error_of(answer));
    if (text_of(answer.body, "id").empty()) return std::unexpected(server.bad_answer("answered without an id"));
    return std::move(answer.body);
}

Result<int> remove(const roles::Environment& environment, const Options& options, Server& server) {
    LEDGERLINE_TRY(const json::Value removed, bodiless(options, server, "DELETE", options.path()));
    print_object(environment, options.output, removed);
    return roles::exit_ok;
}

Result<int> deliveries(const roles::Environment& environment, const Options& options, Server& server) {
    if (!options.delivery_id.empty()) {
        LEDGERLINE_TRY(const json::Value delivery,
                       server.get(options.path() + "/deliveries/" + options.delivery_id, "id"));
        print_object(environment, options.output, delivery);
        return roles::exit_ok;
    }
    LEDGERLINE_CHECK(print_pages(environment, options.output, server,
                                 {.path = options.path() + "/deliveries",
                                  .filters = query_of("status", options.status),
                                  .member = "deliveries",
                                  .limit = options.limit,
                                  .fields = kDeliveryFields}));
    return roles::exit_ok;
}

// Asks for a message and waits until it was sent. Exit code 1: it was not taken.
Result<int> send_and_wait(const roles::Environment& environment, const Options& options, Server& server,
                          const std::string& path) {
    LEDGERLINE_TRY(json::Value delivery, bodiless(options, server, "POST", path));
    const std::string target = options.path() + "/deliveries/" + text_of(delivery, "id");
    const SteadyTime deadline = environment.clock.steady_now() + kSentMax;
    while (text_of(delivery, "status") == "PENDING" && environment.clock.steady_now() < deadline) {
        std::this_thread::sleep_for(kLookEvery);
        LEDGERLINE_TRY(delivery, server.get(target, "id"));
    }
    print_object(environment, options.output, delivery);
    return text_of(delivery, "status") == "DELIVERED" ? roles::exit_ok : roles::exit_refused;
}

Result<int> test(const roles::Environment& environment, const Options& options, Server& server) {
    return send_and_wait(environment, options, server, options.path() + "/ping");
}

Result<int> resend(const roles::Environment& environment, const Options& options, Server& server) {
    return send_and_wait(environment, options, server,
                         options.path() + "/deliveries/" + options.delivery_id + "/resend");
}

void declare_id(Command& command, Options& options) {
    command.positional("ID", "The webhook's id", options.id, uuid_rule);
}

void declare_by(Command& command, Options& options) {
    command.option({"--operator", "NAME", "Who does this, for the audit", no_variable}, options.operator_name);
}

void declare_terms(Command& command, Options& options) {
    command.option({"--event", "TYPE", "Only events of this type, such as transaction.failed; repeatable", no_variable},
                   options.events);
    command.option(
        {"--account", "ACCOUNT", "Only events of the account with this id or reference; repeatable", no_variable},
        options.accounts);
    command.option({"--description", "TEXT", "What it is for", no_variable}, options.description);
    declare_by(command, options);
}

void declare_secret_file(Command& command, Options& options) {
    command.option(
        {"--secret-file", "FILE",
         "New file for the secret, which only its owner may read; without it the secret is printed, once", no_variable},
        options.secret_file);
}

void declare_changes(Command& family, const roles::Environment& environment) {
    Command create_command = family.add("create", "Make a webhook, which is told of what is decided from now on");
    const auto created = declare_server_command<Options>(create_command, environment, create);
    create_command.positional("URL", "Where events are sent: https, of a host that the public can reach", created->url);
    declare_terms(create_command, *created);
    declare_secret_file(create_command, *created);
    create_command.notes(
        "Example:\n"
        "  ledgerline webhooks create https://shop.example/hooks --event transaction.failed --secret-file "
        "hooks.secret");

    Command update_command = family.add("update", "Change a webhook, or enable or disable it");
    const auto updated = declare_server_command<Options>(update_command, environment, update);
    declare_id(update_command, *updated);
    update_command.option({"--to", "URL", "Where events are sent from now on", no_variable}, updated->url);
    declare_terms(update_command, *updated);
    update_command.flag({"--all-events", "", "Events of all types", no_variable}, updated->all_events);
    update_command.flag({"--all-accounts", "", "Events of all accounts", no_variable}, updated->all_accounts);
    update_command.flag({"--enable", "", "Go on where it ended", no_variable}, updated->enable);
    update_command.flag({"--disable", "", "Send nothing until it is enabled", no_variable}, updated->disable);
    update_command.flag({"--no-description", "", "Without a description", no_variable}, updated->no_description);
    update_command.alternatives("--description", "--no-description");
    update_command.alternatives("--enable", "--disable");
    update_command.alternatives("--event", "--all-events");
    update_command.alternatives("--account", "--all-accounts");

    Command rotate_command = family.add("rotate", "Give a webhook a new secret; the old one signs as well for a while");
    const auto rotated = declare_server_command<Options>(rotate_command, environment, rotate);
    declare_id(rotate_command, *rotated);
    declare_by(rotate_command, *rotated);
    rotate_command.option({"--overlap", "TIME", "How long the old secret signs as well; without it, 24h", no_variable},
                          rotated->overlap, milliseconds(0), kOverlapMax);
    declare_secret_file(rotate_command, *rotated);

    Command delete_command = family.add("delete", "Delete a webhook and its deliveries");
    const auto deleted = declare_server_command<Options>(delete_command, environment, remove);
    declare_id(delete_command, *deleted);
    declare_by(delete_command, *deleted);
}

void declare_deliveries(Command& family, const roles::Environment& environment) {
    Command command = family.add("deliveries", "List what was sent to a webhook, newest first, or show one delivery");
    const auto options = declare_server_command<Options>(command, environment, deliveries, Formats::list);
    declare_id(command, *options);
    command.option({"--delivery", "ID", "Show this one, with its attempts", no_variable}, options->delivery_id);
    command.choice({"--status", "", "Only those in this state", no_variable}, options->status,
                   {"PENDING", "DELIVERED", "FAILED"});
    command.option({"--limit", "N", "Print at most this many", no_variable}, options->limit, 1, list_limit_max);

    Command test_command = family.add("test", "Send a message that says nothing, and wait for what becomes of it");
    const auto tested = declare_server_command<Options>(test_command, environment, test);
    declare_id(test_command, *tested);

    Command resend_command = family.add("resend", "Send a delivery once more, and wait for what becomes of it");
    const auto resent = declare_server_command<Options>(resend_command, environment, resend);
    declare_id(resend_command, *resent);
    resend_command.positional("DELIVERY", "The delivery's id", resent->delivery_id, uuid_rule);
}

}  // namespace

void declare_webhooks(Command& parent, const roles::Environment& environment) {
    Command family = parent.add("webhooks", "Tell servers of what became of transactions");
    declare_changes(family, environment);

    Command list_command = family.add("list", "List webhooks, newest first");
    const auto listed = declare_server_command<Options>(list_command, environment, list, Formats::list);
    list_command.option({"--limit", "N", "Print at most this many", no_variable}, listed->limit, 1, list_limit_max);

    Command show_command = family.add("show", "Show a webhook");
    const auto shown = declare_server_command<Options>(show_command, environment, show);
    declare_id(show_command, *shown);

    declare_deliveries(family, environment);
}

}  // namespace ledgerline::cli
