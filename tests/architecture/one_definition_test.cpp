// Two types, inline functions or variables of one qualified name with external linkage are silently merged when one
// program has both, and the memory of one is used as the other's. No linker of ours sees it, so that no two files may
// have them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using Words = std::vector<std::string>;

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Behind the literal whose quote is at `at`; raw ones end at their own delimiter.
std::size_t end_of_literal(std::string_view text, std::size_t at, bool raw) {
    if (raw) {
        const auto open = text.find('(', at);
        const std::string end = ")" + std::string(text.substr(at + 1, open - at - 1)) + "\"";
        return std::min(text.find(end, open), text.size() - end.size()) + end.size();
    }
    const char quote = text[at];
    for (++at; at < text.size() && text[at] != quote; ++at)
        if (text[at] == '\\') ++at;
    return at + 1;
}

// Behind the directive that begins at `at`, with the lines that continue it.
std::size_t end_of_directive(std::string_view text, std::size_t at) {
    std::size_t end = text.find('\n', at);
    while (end != std::string_view::npos && text[end - 1] == '\\') end = text.find('\n', end + 1);
    return std::min(end, text.size());
}

// Words and single characters; no comments, literals and directives.
Words words_of(std::string_view text) {
    Words words;
    for (std::size_t at = 0; at < text.size();) {
        const std::string_view rest = text.substr(at);
        if (rest.starts_with("//")) {
            at = std::min(text.find('\n', at), text.size());
        } else if (rest.starts_with("/*")) {
            at = std::min(text.find("*/", at), text.size() - 2) + 2;
        } else if (rest.front() == '#') {
            at = end_of_directive(text, at);
        } else if (rest.front() == '"' || rest.front() == '\'') {
            at = end_of_literal(text, at, !words.empty() && words.back() == "R" && text[at - 1] == 'R');
        } else if (in_word(rest.front())) {
            std::size_t end = at;
            const bool number = std::isdigit(static_cast<unsigned char>(text[at]));
            while (end < text.size() && (in_word(text[end]) || (number && text[end] == '\''))) ++end;
            words.emplace_back(text.substr(at, end - at));
            at = end;
        } else {
            if (!std::isspace(static_cast<unsigned char>(rest.front()))) words.emplace_back(1, rest.front());
            ++at;
        }
    }
    return words;
}

std::string joined(Words::const_iterator begin, Words::const_iterator end) {
    std::string text;
    for (; begin != end; ++begin) text += (text.empty() || *begin == ":" || text.back() == ':' ? "" : " ") + *begin;
    return text;
}

// Without the "template <...>" in front.
Words without_template(Words words) {
    while (!words.empty() && words.front() == "template") {
        auto end = words.begin() + 1;
        for (int depth = 0; end != words.end(); ++end) {
            depth += (*end == "<") - (*end == ">");
            if (depth == 0) break;
        }
        words.erase(words.begin(), end == words.end() ? end : end + 1);
    }
    return words;
}

// What the words before a brace define: "type" or "function(int a)"; nothing of either kind: "".
std::string defined_by(const Words& statement) {
    const Words words = without_template(statement);
    if (words.empty()) return "";
    if (words[0] == "struct" || words[0] == "class" || words[0] == "enum" || words[0] == "union") {
        auto begin = words.begin() + 1;
        if (begin != words.end() && (*begin == "class" || *begin == "struct")) ++begin;
        auto end = begin;
        while (end != words.end() && *end != "final" && !(*end == ":" && (end + 1 == words.end() || *(end + 1) != ":")))
            end += *end == ":" ? 2 : 1;
        return joined(begin, end);
    }
    const auto open = std::find(words.begin(), words.end(), "(");
    if (std::find(words.begin(), open, "inline") == open || open == words.begin()) return "";
    return joined(open - 1, std::find(open, words.end(), ")"));
}

// The qualified names of what a source defines with external linkage.
std::set<std::string> definitions_in(std::string_view source) {
    std::set<std::string> found;
    std::vector<std::optional<std::string>> scopes;  // nothing: no namespace
    Words statement;
    const auto visible = [&] {
        return std::ranges::all_of(scopes, [](const auto& scope) { return scope && !scope->empty(); });
    };
    for (const std::string& word : words_of(source)) {
        if (word == "{") {
            const auto space = std::ranges::find(statement, "namespace");
            if (space != statement.end()) {
                scopes.emplace_back(joined(space + 1, statement.end()));
            } else {
                std::string path;
                for (const auto& scope : scopes) path += scope.value_or("") + "::";
                if (const std::string name = defined_by(statement); !name.empty() && visible())
                    found.insert(path + name);
                scopes.emplace_back();
            }
        } else if (word == "}") {
            if (!scopes.empty()) scopes.pop_back();
        } else if (word != ";") {
            statement.push_back(word);
            continue;
        }
        statement.clear();
    }
    EXPECT_THAT(scopes, IsEmpty()) << "a brace is not understood";
    return found;
}

TEST(OneDefinition, IsFoundHoweverItIsWritten) {
    EXPECT_THAT(
        definitions_in("namespace a::b {\n#define X {\nstruct A final : B { struct Inner {}; };\n"
                       "// struct C {\nnamespace { struct Hidden {}; void f() { struct Local {}; } }\n"
                       "template <class T> class D { int x{10'000}; };\nenum class E : char { e = '{' };\n"
                       "struct Declared;\ninline int g(int x) { return x; }\nvoid h() {}\n"
                       "constexpr const char* s = R\"x({\")x\" \"\\\"{\";\nstruct A::Late {};\n}\nstruct Outer {};\n"),
        ElementsAre("Outer", "a::b::A", "a::b::A::Late", "a::b::D", "a::b::E", "a::b::g ( int x"));
}

TEST(OneDefinition, NoTwoFilesHaveOneOfTheSameName) {
    const fs::path project = PROJECT_DIR;
    std::map<std::string, std::vector<std::string>> files_of;
    for (const char* root : {"src", "tests"})
        for (const auto& entry : fs::recursive_directory_iterator(project / root)) {
            if (entry.path().extension() != ".h" && entry.path().extension() != ".cpp") continue;
            std::ifstream file(entry.path(), std::ios::binary);
            const std::string text{std::istreambuf_iterator<char>(file), {}};
            const std::string name = fs::relative(entry.path(), project).string();
            SCOPED_TRACE(name);
            for (const std::string& definition : definitions_in(text)) files_of[definition].push_back(name);
        }
    EXPECT_GT(files_of.size(), 400u);
    std::vector<std::string> twins;
    for (const auto& [definition, files] : files_of)
        if (files.size() > 1) twins.push_back(definition + " in " + files[0] + " and " + files[1]);
    EXPECT_THAT(twins, IsEmpty());
}

}  // namespace
