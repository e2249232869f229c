// Lists that the API answers in pages, once or as they grow.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_set>

#include "cli/amounts.h"
#include "cli/output.h"
#include "roles/signals.h"

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kPageMax = 1000;  // of the API
constexpr milliseconds kFollowEvery{1000};
constexpr std::size_t kSeenMax = 200'000;  // the keys that are remembered, of a list that is followed
constexpr std::int64_t kFollowedPage = 100;
constexpr std::int64_t kFollowedMax = 100'000;  // new objects that are looked for at once

struct Page {
    json::Array objects;
    std::string cursor;  // of the next one; "" after the last
};

Result<Page> read_page(Server& server, const PagedList& list, const std::string& cursor, std::int64_t limit) {
    const std::string target =
        fmt::format("{}?limit={}{}{}", list.path, limit, list.filters, query_of("cursor", cursor));
    LEDGERLINE_TRY(const json::Value answer, server.get(target, list.member));
    LEDGERLINE_TRY(json::Array objects, server.objects_of(answer, list.member));
    Page page{std::move(objects), text_of(answer, "next_cursor")};
    if (!page.cursor.empty() && page.cursor == cursor)
        return std::unexpected(server.bad_answer("answered with the same cursor"));
    return page;
}

std::vector<Field> with_currency(const PagedList& list) {
    std::vector<Field> fields(list.fields.begin(), list.fields.end());
    const bool has_amounts = std::ranges::find(fields, true, &Field::amount) != fields.end();
    const bool has_currency = std::ranges::find(fields, "currency", &Field::member) != fields.end();
    if (list.names_currency && has_amounts && !has_currency) fields.push_back({"currency", "currency"});
    return fields;
}

std::string what_of(const PagedList& list) {
    std::string words = list.member;
    std::ranges::replace(words, '_', ' ');
    return words;
}

class Pages {
public:
    Pages(const roles::Environment& environment, const OutputOptions& output, Server& server, const PagedList& list)
        : environment_(environment),
          output_(output),
          server_(server),
          list_(list),
          fields_(output.streams() ? with_currency(list) : std::vector(list.fields.begin(), list.fields.end())),
          printer_(environment, output, fields_) {}

    Result<void> print() {
        const bool at_once = !output_.streams() || list_.follow;
        std::vector<json::Value> collected;
        std::string cursor;
        // Whoever follows must know all of a page, to tell what is new on it.
        for (std::int64_t left = list_.follow ? std::max(list_.limit, kFollowedPage) : list_.limit; left > 0;) {
            LEDGERLINE_TRY(Page page, read_page(server_, list_, cursor, std::min(left, kPageMax)));
            left -= static_cast<std::int64_t>(page.objects.size());
            if (at_once)
                std::ranges::move(page.objects, std::back_inserter(collected));
            else
                show(page.objects);
            // A page may be empty although more follow.
            cursor = std::move(page.cursor);
            if (cursor.empty()) break;
            if (!at_once && !environment_.out) return {};  // nobody reads it any more
        }
        if (list_.follow) return follow(std::move(collected));
        if (at_once) show(collected);
        printer_.finish(what_of(list_));
        if (!cursor.empty())
            say(environment_, fmt::format("There are more than {}: raise --limit to see the rest.", list_.limit));
        return {};
    }

private:
    void show(const std::vector<json::Value>& objects) {
        printer_.print(output_.streams() ? objects : for_people(objects, amounts_of(server_), list_.currency));
    }

    Result<void> follow(std::vector<json::Value> newest_first) {
        roles::Interrupts interrupts;
        bool away = false;
        for (const json::Value& object : newest_first) remember(object);
        newest_first.resize(std::min(newest_first.size(), static_cast<std::size_t>(list_.limit)));
        show_in_order(std::move(newest_first));
        while (environment_.out && !interrupts.wait(kFollowEvery)) {
            auto fresh = unseen();
            if (!fresh && fresh.error().disposition != Disposition::retry) return std::unexpected(fresh.error());
            if (!fresh && !away) say(environment_, "ledgerline: " + fresh.error().message + "; waiting for it");
            away = !fresh;
            if (fresh) show_in_order(*std::move(fresh));
        }
        return {};
    }

    // Up to a page that has something known: what several servers accept may come to stand a little below the newest.
    Result<std::vector<json::Value>> unseen() {
        std::vector<json::Value> fresh;
        std::string cursor;
        for (std::int64_t left = kFollowedMax; left > 0; left -= kFollowedPage) {
            LEDGERLINE_TRY(Page page, read_page(server_, list_, cursor, kFollowedPage));
            const std::size_t all = fresh.size() + page.objects.size();
            for (json::Value& object : page.objects)
                if (!seen_.contains(cell_of(object.find(list_.key)))) fresh.push_back(std::move(object));
            cursor = std::move(page.cursor);
            if (fresh.size() < all || cursor.empty()) break;
        }
        for (const json::Value& object : fresh) remember(object);
        return fresh;
    }

    void remember(const json::Value& object) {
        std::string key = cell_of(object.find(list_.key));
        if (!seen_.insert(key).second) return;
        in_order_.push_back(std::move(key));
        if (in_order_.size() <= kSeenMax) return;
        seen_.erase(in_order_.front());
        in_order_.pop_front();
    }

    void show_in_order(std::vector<json::Value> newest_first) {
        std::ranges::reverse(newest_first);
        show(newest_first);
        environment_.out.flush();
    }

    const roles::Environment& environment_;
    const OutputOptions& output_;
    Server& server_;
    const PagedList& list_;
    std::vector<Field> fields_;
    ListPrinter printer_;
    std::unordered_set<std::string> seen_;
    std::deque<std::string> in_order_;  // of seen_
};

}  // namespace

void declare_follow(Command& command, bool& follow) {
    command.flag({"-f,--follow", "", "Print oldest first, then what comes, until Ctrl-C", no_variable}, follow);
}

Result<void> print_pages(const roles::Environment& environment, const OutputOptions& output, Server& server,
                         const PagedList& list) {
    return Pages(environment, output, server, list).print();
}

}  // namespace ledgerline::cli
