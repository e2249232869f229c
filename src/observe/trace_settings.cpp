#include "observe/trace_settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>

#include "base/text.h"

namespace ledgerline {
namespace {

constexpr const char* kEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
constexpr const char* kTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
constexpr const char* kDefaultEndpoint = "http://localhost:4318";

constexpr std::int64_t kTimeoutMsMax = 600'000;
constexpr std::int64_t kQueueSpansMax = 1'000'000;
constexpr std::int64_t kBatchSpansMax = 10'000;

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::unexpected<Error> bad(std::string_view variable, std::string_view rule) {
    return failure(Disposition::refuse, "bad_usage", fmt::format("{} {}", variable, rule));
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return "";
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Decodes %41 to A; nothing when a % is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        unsigned byte = 0;
        const char* digits = text.data() + i + 1;
        if (i + 2 >= text.size() || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
            return std::nullopt;
        out.push_back(static_cast<char>(byte));
        i += 2;
    }
    return out;
}

bool is_header_safe(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c != 0x7f; });
}

class Reader {
public:
    Reader(const ReadVariable& read, std::string_view service, std::string_view version)
        : read_(read), service_(service), version_(version) {}

    Result<TraceSettings> settings() {
        LEDGERLINE_TRY(settings_.url, url());
        if (settings_.url.empty()) return settings_;
        LEDGERLINE_CHECK(check_protocol());
        LEDGERLINE_CHECK(note_compression());
        LEDGERLINE_TRY(settings_.headers, headers());
        LEDGERLINE_TRY(settings_.sampler, sampler());
        LEDGERLINE_CHECK(read_limits());
        settings_.exporter.version = version_;
        LEDGERLINE_TRY(settings_.exporter.resource, resource());
        return std::move(settings_);
    }

private:
    std::string value(const char* name) const { return std::string(trimmed(read_(name).value_or(""))); }

    // The variable for traces, or else the one for all signals; with the name of the one that was set.
    std::pair<const char*, std::string> either(const char* for_traces, const char* for_all) const {
        if (std::string text = value(for_traces); !text.empty()) return {for_traces, text};
        return {for_all, value(for_all)};
    }

    Result<std::string> url() const {
        std::string disabled = value("OTEL_SDK_DISABLED");
        std::ranges::transform(disabled, disabled.begin(), [](unsigned char c) { return std::tolower(c); });
        if (!disabled.empty() && disabled != "true" && disabled != "false")
            return bad("OTEL_SDK_DISABLED", "must be true or false");
        const std::string exporter = value("OTEL_TRACES_EXPORTER");
        if (!exporter.empty() && exporter != "none" && exporter != "otlp")
            return bad("OTEL_TRACES_EXPORTER", "must be otlp or none: this program knows no other exporter");
        if (disabled == "true" || exporter == "none") return "";

        auto [variable, endpoint] = either(kTracesEndpoint, kEndpoint);
        if (endpoint.empty() && exporter == "otlp") endpoint = kDefaultEndpoint;
        if (endpoint.empty()) return "";
        const bool known = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        if (!known || endpoint.ends_with("//") || !is_header_safe(endpoint))
            return bad(variable, "must be a URL that begins with http:// or https://");
        if (variable == kTracesEndpoint) return endpoint;
        while (endpoint.ends_with('/')) endpoint.pop_back();
        return endpoint + "/v1/traces";
    }

    Result<void> check_protocol() const {
        const auto [variable, protocol] = either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
        if (protocol.empty() || protocol == "http/json") return {};
        return bad(variable, fmt::format("must be http/json, the only supported protocol, not '{}'", protocol));
    }

    Result<void> note_compression() {
        const auto [variable, compression] =
            either("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION");
        if (compression.empty() || compression == "none") return {};
        if (compression != "gzip") return bad(variable, "must be gzip or none");
        settings_.warnings.push_back(fmt::format("{}: spans are sent uncompressed", variable));
        return {};
    }

    // key=value,key=value with percent-encoded values, in the Baggage header's format.
    static Result<Pairs> pairs(const char* variable, std::string_view text) {
        constexpr std::string_view kRule = "must be key=value,key=value with percent-encoded values";
        Pairs out;
        while (!text.empty()) {
            const auto comma = std::min(text.find(','), text.size());
            const std::string_view pair = trimmed(text.substr(0, comma));
            text.remove_prefix(std::min(comma + 1, text.size()));
            if (pair.empty()) continue;
            const auto equals = pair.find('=');
            if (equals == std::string_view::npos) return bad(variable, kRule);
            const auto key = trimmed(pair.substr(0, equals));
            auto decoded = percent_decoded(trimmed(pair.substr(equals + 1)));
            if (key.empty() || !decoded) return bad(variable, kRule);
            out.emplace_back(key, std::move(*decoded));
        }
        return out;
    }

    Result<Pairs> headers() const {
        const auto [variable, text] = either("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
        LEDGERLINE_TRY(Pairs out, pairs(variable, text));
        for (const auto& [name, header] : out)
            if (!is_header_safe(name) || name.contains(':') || !is_header_safe(header))
                return bad(variable, "must hold names and values that HTTP headers can have");
        return out;
    }

    Result<Sampler> sampler() const {
        static const std::map<std::string, Sampler> kSamplers = {{"always_on", {1, false}},
                                                                 {"always_off", {0, false}},
                                                                 {"traceidratio", {1, false}},
                                                                 {"parentbased_always_on", {1, true}},
                                                                 {"parentbased_always_off", {0, true}},
                                                                 {"parentbased_traceidratio", {1, true}}};
        const std::string name = value("OTEL_TRACES_SAMPLER");
        const auto found = kSamplers.find(name.empty() ? "parentbased_always_on" : name);
        if (found == kSamplers.end())
            return bad("OTEL_TRACES_SAMPLER",
                       fmt::format("must be always_on, always_off, traceidratio, parentbased_always_on, "
                                   "parentbased_always_off or parentbased_traceidratio, not '{}'",
                                   name));
        Sampler chosen = found->second;
        const std::string argument = value("OTEL_TRACES_SAMPLER_ARG");
        if (argument.empty() || !found->first.ends_with("traceidratio")) return chosen;
        const char* end = argument.data() + argument.size();
        const auto parsed = std::from_chars(argument.data(), end, chosen.ratio);
        if (parsed.ec != std::errc() || parsed.ptr != end || !(chosen.ratio >= 0 && chosen.ratio <= 1))
            return bad("OTEL_TRACES_SAMPLER_ARG", fmt::format("must be a number from 0 to 1, not '{}'", argument));
        return chosen;
    }

    Result<std::optional<std::int64_t>> number(const char* variable, std::int64_t most) const {
        const std::string text = value(variable);
        if (text.empty()) return std::nullopt;
        const auto out = parse_integer<std::int64_t>(text);
        if (!out || *out < 1 || *out > most)
            return bad(variable, fmt::format("must be a whole number from 1 to {}, not '{}'", most, text));
        return out;
    }

    Result<void> read_limits() {
        ExporterConfig& exporter = settings_.exporter;
        const auto timeout_variable = either("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT").first;
        LEDGERLINE_TRY(const auto timeout_ms, number(timeout_variable, kTimeoutMsMax));
        LEDGERLINE_TRY(const auto delay_ms, number("OTEL_BSP_SCHEDULE_DELAY", kTimeoutMsMax));
        LEDGERLINE_TRY(const auto queue_spans, number("OTEL_BSP_MAX_QUEUE_SIZE", kQueueSpansMax));
        LEDGERLINE_TRY(const auto batch_spans, number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", kBatchSpansMax));
        if (timeout_ms) exporter.timeout = milliseconds(*timeout_ms);
        if (delay_ms) exporter.delay = milliseconds(*delay_ms);
        if (queue_spans) exporter.queue_spans_max = static_cast<std::size_t>(*queue_spans);
        if (batch_spans) exporter.batch_spans_max = static_cast<std::size_t>(*batch_spans);
        if (exporter.batch_spans_max <= exporter.queue_spans_max) return {};
        // A small queue alone makes batches smaller; explicitly asking for larger batches is a mistake.
        if (batch_spans) return bad("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "must not exceed OTEL_BSP_MAX_QUEUE_SIZE");
        exporter.batch_spans_max = exporter.queue_spans_max;
        return {};
    }

    // OTEL_SERVICE_NAME takes precedence over OTEL_RESOURCE_ATTRIBUTES, and both over our own values.
    Result<SpanAttributes> resource() const {
        char host[256] = "";
        gethostname(host, sizeof host - 1);
        std::map<std::string, std::string> texts{{"service.name", service_},
                                                 {"service.version", version_},
                                                 {"host.name", host},
                                                 {"telemetry.sdk.name", "ledgerline"},
                                                 {"telemetry.sdk.language", "cpp"},
                                                 {"telemetry.sdk.version", version_}};
        const char* variable = "OTEL_RESOURCE_ATTRIBUTES";
        LEDGERLINE_TRY(const Pairs given, pairs(variable, value(variable)));
        for (const auto& [key, text] : given) texts[key] = text;
        if (const std::string name = value("OTEL_SERVICE_NAME"); !name.empty()) texts["service.name"] = name;
        SpanAttributes attributes;
        for (const auto& [key, text] : texts) attributes.add(key, text);
        attributes.add("process.pid", getpid());
        return attributes;
    }

    const ReadVariable& read_;
    const std::string service_;
    const std::string version_;
    TraceSettings settings_;
};

}  // namespace

std::optional<std::string> read_environment(const char* name) {
    const char* text = std::getenv(name);
    return text ? std::optional<std::string>(text) : std::nullopt;
}

TraceSettings read_trace_settings(const ReadVariable& read, std::string_view service, std::string_view version) {
    auto settings = Reader(read, service, version).settings();
    if (settings) return *std::move(settings);
    TraceSettings off;
    off.warnings.push_back("traces are off: " + settings.error().message);
    return off;
}

}  // namespace ledgerline
