#include "health/health_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace ledgerline::health {
namespace {

Troubles look_at(const Dependency& dependency) {
    try {
        return dependency.look();
    } catch (const std::exception& exception) {
        return {{dependency.name, exception.what()}};
    }
}

// Keeps the first reason for each name; one that is required makes the whole required.
void add(Troubles& troubles, Trouble trouble) {
    const auto known = std::ranges::find(troubles, trouble.name, &Trouble::name);
    if (known == troubles.end()) return troubles.push_back(std::move(trouble));
    if (trouble.required && !known->required) *known = std::move(trouble);
}

}  // namespace

Dependency dependency(std::string name, std::function<bool()> check, bool required) {
    return {name, [name, check = std::move(check), required]() -> Troubles {
                if (check()) return {};
                return {{name, name + " is not there", required}};
            }};
}

Dependency dependency(std::string name, std::function<std::optional<std::string>()> trouble, bool required) {
    return {name, [name, trouble = std::move(trouble), required]() -> Troubles {
                auto reason = trouble();
                if (!reason) return {};
                return {{name, *std::move(reason), required}};
            }};
}

bool is_ready(const Troubles& troubles) { return std::ranges::none_of(troubles, &Trouble::required); }

HealthProbe::HealthProbe(std::vector<Dependency> dependencies, const Clock& clock)
    : dependencies_(std::move(dependencies)),
      clock_(clock),
      loop_(
          "health-probe", wakeup_,
          [this]() -> Result<milliseconds> {
              look();
              return interval;
          },
          [](const Error&) {}) {}

void HealthProbe::start() {
    loop_.start();
    std::unique_lock lock(mutex_);
    looked_.wait_for(lock, stale_after, [this] { return seen_at_.has_value(); });
}

// The age of what was seen counts from the beginning of the look.
void HealthProbe::look() {
    const SteadyTime begun = clock_.steady_now();
    Troubles seen;
    for (const Dependency& dependency : dependencies_) {
        note_looking_at(dependency.name);
        for (Trouble& trouble : look_at(dependency)) add(seen, std::move(trouble));
    }
    note_looking_at(probe_name);
    const std::lock_guard lock(mutex_);
    seen_ = std::move(seen);
    seen_at_ = begun;
    looked_.notify_all();
}

void HealthProbe::note_looking_at(const std::string& name) {
    const std::lock_guard lock(mutex_);
    looking_at_ = name;
}

Troubles HealthProbe::troubles() const {
    const std::lock_guard lock(mutex_);
    if (!seen_at_) return {{looking_at_, "the first look has not returned yet"}};
    Troubles troubles = seen_;
    const auto age = std::chrono::duration_cast<milliseconds>(clock_.steady_now() - *seen_at_);
    if (age > overdue_after)
        add(troubles, {looking_at_, fmt::format("no answer for {} ms", age.count()), age > stale_after});
    return troubles;
}

}  // namespace ledgerline::health
