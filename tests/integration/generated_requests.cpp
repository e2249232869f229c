#include "generated_requests.h"

namespace ledgerline::test {
namespace {

using namespace std::string_literals;

constexpr const char* kPadding = R"("pad":"")";

std::string repeated(const std::string& text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

// What may stand in a JSON string: each escape, control characters as escapes, and code points of every length.
const std::string kPieces[] = {"a",
                               "Z",
                               " ",
                               R"(\")",
                               R"(\\)",
                               R"(\/)",
                               R"(\b)",
                               R"(\f)",
                               R"(\n)",
                               R"(\r)",
                               R"(\t)",
                               R"(\u0001)",
                               R"(\u001f)",
                               R"(\u007f)",
                               R"(\u0080)",
                               R"(\u00e9)",
                               R"(\u2028)",
                               R"(\uFFFF)",
                               R"(\ud83d\ude00)",
                               R"(\uDBFF\uDFFF)",
                               "\u00e9",
                               "\u20ac",
                               "\U0001F4B6",
                               "\uffff",
                               "\x7f",
                               "\u0085",
                               "'",
                               "%",
                               "{",
                               "}",
                               ":",
                               "1e64"};

// What may not.
const std::string kBadStrings[] = {
    R"("\u0000")",      R"("a\u0000b")", R"("\ud800")", R"("\udc00x")", R"("\ud83d\u0041")", "\"\xff\"", "\"\xc0\xaf\"",
    "\"\xed\xa0\x80\"", "\"\n\"",        "\"\x01\"",    R"("\x")",      R"("\u12")",         "\"\0\""s,  "\"open"};

const std::string kBadValues[] = {"01",
                                  "+1",
                                  "1.",
                                  ".5",
                                  "1e",
                                  "1e+",
                                  "- 1",
                                  "0x1",
                                  "NaN",
                                  "Infinity",
                                  "tru",
                                  "[1,]",
                                  "[",
                                  R"({"a":1,"a":2})",
                                  R"({"a":{"b":1,"c":2,"b":3}})",
                                  R"({"a":1,"\u0061":2})",
                                  "{1:2}",
                                  R"({"a\u0000":1})",
                                  "'x'",
                                  "/**/1",
                                  "1 2"};

const std::string kMantissas[] = {"0", "-0", "0.0", "-0.00", "1", "-1", "1.0", "1.50", "-7.25", "10", "100.00", "9.99"};
const int kExponents[] = {0,  1,   2,   5,   37,  38,  39,   40,    41,     63,         64,         65,
                          99, 100, 307, 308, 309, 400, 1000, 16383, 131072, 1073741822, 1073741823, 2147000000};

const std::string kBadAmounts[] = {"0",
                                   "-1",
                                   "1000000000000001",
                                   "9223372036854775807",
                                   "9223372036854775808",
                                   "1.0",
                                   "1e2",
                                   "1e400",
                                   "0.5",
                                   "\"100\"",
                                   "true",
                                   "[100]",
                                   "{}",
                                   "-0"};
const std::string kGoodAmounts[] = {"1", "2", "100", "999999999999999", "1000000000000000"};

}  // namespace

std::string padded(const std::string& metadata, std::size_t bytes) {
    std::string out = metadata;
    return out.insert(out.find(kPadding) + std::string(kPadding).size() - 1, bytes, 'x');
}

GeneratedRequest RequestGenerator::next() {
    GeneratedRequest request;
    request.key = "k" + std::to_string(count_++);
    if (below(10) == 0) request.type = "DEBIT";
    const std::uint64_t kind = below(100);
    if (kind < 5) {
        request.amount = one_of(kGoodAmounts);
    } else if (kind < 8) {
        request.amount = one_of(kBadAmounts);
        request.wrong_field = "amount_cents";
    } else if (kind < 14) {
        request.key = key(request.key, 255);
    } else if (kind < 16) {
        const std::string bad[] = {""s, "a\u007fb"s, "a\u009fb"s, "line\nbreak"s, key(request.key, 256)};
        request.key = one_of(bad);
        request.wrong_field = "idempotency_key";
    } else if (kind < 22) {
        request.metadata = malformed_metadata();
        request.malformed = true;
    } else if (kind < 30) {
        request.metadata = R"({"deep":)" + nested() + "}";
    } else if (kind < 45) {
        request.metadata = R"({"n":)" + number() + R"(,"m":[)" + number() + "]}";
    } else if (kind < 49) {
        request.metadata = R"({"some":)" + value(3) + ',' + kPadding + "}";
        const std::size_t sizes[] = {16'382, 16'383, 16'384, 16'385, 16'386};
        request.padded_to = one_of(sizes);
    } else if (kind < 92) {
        request.metadata = object(static_cast<int>(below(5)) + 1);
    }
    return request;
}

std::string RequestGenerator::value(int depth) {
    const std::uint64_t kind = below(depth > 0 ? 8 : 6);
    if (kind == 0) return "null";
    if (kind == 1) return below(2) == 0 ? "true" : "false";
    if (kind == 2) return std::to_string(static_cast<std::int64_t>(below(2000)) - 1000);
    if (kind == 3) return number();
    if (kind < 6) return string();
    if (kind == 6) return object(depth - 1);
    std::string items;
    for (std::uint64_t i = below(4); i > 0; --i) items += (items.empty() ? "" : " , ") + value(depth - 1);
    return '[' + items + ']';
}

// Small ones as a rule; else digits and exponents around every limit.
std::string RequestGenerator::number() {
    const std::uint64_t kind = below(10);
    if (kind < 5) return one_of(kMantissas);
    std::string mantissa = one_of(kMantissas);
    if (kind < 7) {
        const std::size_t digits[] = {1, 37, 38, 39, 40, 41, 64, 65, 200};
        const std::string run = std::string(one_of(digits), static_cast<char>('1' + below(9)));
        const std::string shapes[] = {run,        "-" + run,
                                      "0." + run, "1." + std::string(run.size(), '0'),
                                      run + ".0", "-" + run.substr(0, 1) + "." + run.substr(1) + "5"};
        mantissa = one_of(shapes);
        if (below(2) == 0) return mantissa;
    }
    const char* marks[] = {"e", "E", "e+", "E+", "e-", "E-", "e0", "e-00"};
    return mantissa + one_of(marks) + std::to_string(one_of(kExponents));
}

std::string RequestGenerator::string() {
    std::string text = "\"";
    for (std::uint64_t i = below(6); i > 0; --i) text += one_of(kPieces);
    return text + '"';
}

// Names are distinct by their number; some are long, one may be empty.
std::string RequestGenerator::object(int depth) {
    std::string members;
    const std::uint64_t count = below(5);
    for (std::uint64_t i = 0; i < count; ++i) {
        std::string name = one_of(kPieces);
        if (i == 0 && below(4) == 0) name.clear();
        if (below(50) == 0) name += std::string(300 + below(3000), 'n');
        if (!name.empty()) name += std::to_string(i);
        members += (members.empty() ? "" : ",") + ('"' + name + "\" :") + value(depth);
    }
    return '{' + members + '}';
}

// A value inside of containers, around the limit and far beyond it.
std::string RequestGenerator::nested() {
    const std::size_t levels[] = {13, 14, 15, 16, 17, 29, 30, 31, 32, 33, 100, 200};
    std::string text = value(0);
    for (std::size_t i = one_of(levels); i > 0; --i) text = below(2) == 0 ? '[' + text + ']' : R"({"d":)" + text + '}';
    return text;
}

// start, which is ASCII, up to that many code points.
std::string RequestGenerator::key(const std::string& start, std::size_t code_points) {
    const std::string fillings[] = {"\U0001F4B6", "k", "\"", "\\", "\uffff", " ", "'", "\u00a0"};
    return start + repeated(one_of(fillings), code_points - start.size());
}

std::string RequestGenerator::malformed_metadata() {
    switch (below(4)) {
        case 0:
            return R"({"bad":)" + one_of(kBadStrings) + "}";
        case 1:
            return R"({"fine":)" + value(2) + R"(,"bad":[)" + one_of(kBadValues) + "]}";
        case 2:
            return "{" + one_of(kBadStrings) + ":1}";
        default:
            return R"({"deep":)" + repeated("[", 300 + below(20'000)) + "}";
    }
}

}  // namespace ledgerline::test
