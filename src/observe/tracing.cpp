#include "observe/tracing.h"

#include "observe/log.h"

namespace ledgerline {
namespace {

// Without the user and password that it may contain.
std::string shown(std::string url) {
    const auto scheme = url.find("://");
    const auto at = url.rfind('@');
    if (scheme != std::string::npos && at != std::string::npos && at > scheme) url.erase(scheme + 3, at - scheme - 2);
    return url;
}

}  // namespace

Tracing::Tracing(TraceSettings settings, std::unique_ptr<OtlpSender> sender, const Clock& clock, Random& random,
                 Metrics& metrics)
    : sender_(std::move(sender)) {
    for (const std::string& warning : settings.warnings) log::warn("traces", {{"reason", warning}});
    if (settings.url.empty()) {
        tracer_ = std::make_unique<Tracer>(random);
        return;
    }
    LEDGERLINE_ASSERT(sender_);
    exporter_ = std::make_unique<OtlpExporter>(std::move(settings.exporter), *sender_, clock, random, metrics);
    tracer_ = std::make_unique<Tracer>(settings.sampler, *exporter_, clock, random);
    exporter_->start();
    log::info("traces are exported", {{"url", shown(settings.url)}, {"ratio", std::to_string(settings.sampler.ratio)}});
}

void Tracing::stop() {
    if (exporter_) exporter_->stop(flush_max);
}

}  // namespace ledgerline
