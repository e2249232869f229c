#include "cli/prometheus_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>

namespace ledgerline::cli {
namespace {

constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:";

// Reads one line from beginning to end.
class LineReader {
public:
    explicit LineReader(std::string_view line) : rest_(line) {}

    void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }
    bool take(char wanted) {
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    // Empty if there is none.
    std::string name() {
        const std::size_t length = std::min(rest_.find_first_not_of(kNameCharacters), rest_.size());
        std::string name(rest_.substr(0, length));
        rest_.remove_prefix(length);
        return name;
    }
    // A label's quoted value, unescaped.
    std::optional<std::string> quoted() {
        if (!take('"')) return std::nullopt;
        std::string text;
        while (!rest_.empty()) {
            char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') return text;
            if (c == '\\') {
                if (rest_.empty()) return std::nullopt;
                c = rest_.front() == 'n' ? '\n' : rest_.front();
                rest_.remove_prefix(1);
            }
            text.push_back(c);
        }
        return std::nullopt;
    }
    std::optional<double> number() {
        const std::string_view text = rest_.substr(0, std::min(rest_.find_first_of(" \t"), rest_.size()));
        rest_.remove_prefix(text.size());
        return parse_number(text);
    }
    static std::optional<double> parse_number(std::string_view text) {
        if (text == "+Inf") return std::numeric_limits<double>::infinity();
        if (text == "-Inf") return -std::numeric_limits<double>::infinity();
        if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
        double value = 0;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
        return value;
    }

private:
    std::string_view rest_;
};

bool read_labels(LineReader& line, MetricSample& sample) {
    if (!line.take('{')) return true;
    for (line.skip_blanks(); !line.take('}'); line.skip_blanks()) {
        std::string name = line.name();
        line.skip_blanks();
        if (name.empty() || !line.take('=')) return false;
        line.skip_blanks();
        auto value = line.quoted();
        if (!value) return false;
        sample.labels.emplace_back(std::move(name), *std::move(value));
        line.skip_blanks();
        line.take(',');
    }
    return true;
}

// What follows the value, a timestamp, is ignored.
std::optional<MetricSample> read_sample(std::string_view text) {
    LineReader line(text);
    MetricSample sample;
    sample.name = line.name();
    if (sample.name.empty()) return std::nullopt;
    line.skip_blanks();
    if (!read_labels(line, sample)) return std::nullopt;
    line.skip_blanks();
    const auto value = line.number();
    if (!value) return std::nullopt;
    sample.value = *value;
    return sample;
}

}  // namespace

std::string_view MetricSample::label(std::string_view label_name) const {
    for (const auto& [each, text] : labels)
        if (each == label_name) return text;
    return "";
}

void Buckets::add(const Buckets& other) {
    if (buckets.empty()) {
        buckets = other.buckets;
        return;
    }
    for (std::size_t i = 0; i < buckets.size() && i < other.buckets.size(); ++i)
        buckets[i].count += other.buckets[i].count;
}

Buckets Buckets::since(const Buckets& earlier) const {
    if (earlier.buckets.size() != buckets.size() || earlier.count() > count()) return *this;
    Buckets grown = *this;
    for (std::size_t i = 0; i < buckets.size(); ++i) grown.buckets[i].count -= earlier.buckets[i].count;
    return grown;
}

std::optional<double> Buckets::quantile(double q) const {
    if (count() <= 0) return std::nullopt;
    const double rank = q * count();
    const auto found = std::ranges::find_if(
        buckets, [rank](const Bucket& bucket) { return bucket.count >= rank && bucket.count > 0; });
    if (found + 1 == buckets.end()) return buckets.size() > 1 ? std::optional((found - 1)->upper_bound) : std::nullopt;
    const double lower_bound = found == buckets.begin() ? 0 : (found - 1)->upper_bound;
    const double below = found == buckets.begin() ? 0 : (found - 1)->count;
    return lower_bound + (found->upper_bound - lower_bound) * (rank - below) / (found->count - below);
}

Result<Scrape> Scrape::parse(std::string_view text) {
    Scrape scrape;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        auto sample = read_sample(line);
        if (!sample)
            return failure(Disposition::refuse, "bad_metrics", fmt::format("not a metric: {}", line.substr(0, 100)));
        scrape.samples_.push_back(*std::move(sample));
    }
    return scrape;
}

double Scrape::sum(std::string_view name, Labels labels) const {
    return sum_if(name, [&](const MetricSample& sample) {
        return std::ranges::all_of(labels, [&](const auto& each) { return sample.label(each.first) == each.second; });
    });
}

double Scrape::sum_if(std::string_view name, const std::function<bool(const MetricSample&)>& wanted) const {
    double total = 0;
    for (const MetricSample& sample : samples_)
        if (sample.name == name && wanted(sample)) total += sample.value;
    return total;
}

Buckets Scrape::histogram(std::string_view name, const std::function<bool(const MetricSample&)>& wanted) const {
    const std::string bucket_name = std::string(name) + "_bucket";
    std::map<double, double> counts;
    for (const MetricSample& sample : samples_) {
        if (sample.name != bucket_name || !wanted(sample)) continue;
        if (const auto bound = LineReader::parse_number(sample.label("le"))) counts[*bound] += sample.value;
    }
    Buckets all;
    for (const auto& [upper_bound, count] : counts) all.buckets.push_back({upper_bound, count});
    return all;
}

std::string Scrape::label(std::string_view name, std::string_view label_name) const {
    for (const MetricSample& sample : samples_)
        if (sample.name == name) return std::string(sample.label(label_name));
    return "";
}

}  // namespace ledgerline::cli
