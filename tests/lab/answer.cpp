#include "lab/answer.h"

#include <charconv>
#include <ranges>

namespace ledgerline::test {

std::string Answer::header(std::string_view name) const {
    for (const auto& [each, value] : headers)
        if (each == name) return value;
    return "";
}

std::string Answer::at(std::string_view path) const {
    const json::Value* value = &body;
    for (const auto part : std::views::split(path, '.')) {
        const std::string_view name(part.begin(), part.end());
        std::size_t index = 0;
        if (const json::Array* array = value->if_array()) {
            std::from_chars(name.data(), name.data() + name.size(), index);
            value = index < array->size() ? &(*array)[index] : nullptr;
        } else {
            value = value->find(name);
        }
        if (!value) return "missing";
    }
    return value->if_string() ? *value->if_string() : json::serialize(*value);
}

Answer answer_of(http::ClientResponse response) {
    auto parsed = json::parse(response.body);
    return {response.status, std::move(response.headers),
            parsed ? std::move(*parsed) : json::Value(std::move(response.body))};
}

}  // namespace ledgerline::test
