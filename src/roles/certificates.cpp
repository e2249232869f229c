#include "roles/certificates.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/new_file.h"
#include "http/server/self_signed.h"
#include "observe/exceptions.h"
#include "observe/log.h"
#include "roles/config_file.h"
#include "roles/exit_code.h"

namespace ledgerline::roles {
namespace {

constexpr std::chrono::days kSelfSignedLifetime{397};  // the longest that browsers take
constexpr std::chrono::days kExpiryNear{14};
constexpr mode_t kSecret = 0600, kPublic = 0644;

std::unexpected<Error> refused(const std::string& message) {
    return failure(Disposition::refuse, std::string(bad_usage), message);
}

Result<std::shared_ptr<const http::TlsContext>> read(const http::TlsFiles& files, const Clock& clock) {
    LEDGERLINE_CHECK(check_secret_file("--tls-key", files.key));
    auto context = http::TlsContext::load(files, clock.wall_now());
    if (!context) return refused("TLS: " + context.error().message);
    return context;
}

Result<void> write_file(const std::string& path, std::string_view text, mode_t mode) {
    LEDGERLINE_TRY(NewFile file, NewFile::create(path, mode));
    LEDGERLINE_CHECK(file.write(text));
    return file.replace();
}

}  // namespace

Result<http::TlsFiles> checked_tls_files(const TlsSettings& settings, const Clock& clock) {
    if (settings.certificate.empty() != settings.key.empty())
        return refused("--tls-cert and --tls-key need one another");
    if (settings.self_signed && !settings.certificate.empty())
        return refused("--tls-self-signed makes a certificate: it cannot be combined with --tls-cert");
    if (settings.certificate.empty() && !settings.self_signed && !settings.client_authorities.empty())
        return refused("--tls-client-ca needs --tls-cert and --tls-key");
    if (settings.client_keys && settings.client_authorities.empty())
        return refused("--tls-client-keys needs --tls-client-ca");
    http::TlsFiles files{settings.certificate, settings.key, settings.client_authorities, settings.client_keys};
    if (!files.empty()) LEDGERLINE_CHECK(read(files, clock));
    return files;
}

void add_files(const TlsSettings& settings, RightsPlan& plan) {
    for (const std::string& path : {settings.certificate, settings.key, settings.client_authorities})
        if (!path.empty()) plan.files.emplace_back(path);
}

Result<http::TlsFiles> self_signed_files(const std::filesystem::path& directory, const std::string& host,
                                         const Clock& clock) {
    http::TlsFiles files{directory / "certificate.pem", directory / "key.pem", ""};
    const auto earlier = read(files, clock);
    if (earlier && (*earlier)->expires_at() > clock.wall_now() + std::chrono::days(1)) return files;
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
    if (std::ranges::count(names, host) == 0) names.push_back(host);
    const auto made = http::make_self_signed(names, clock.wall_now(), kSelfSignedLifetime);
    LEDGERLINE_CHECK(write_file(files.key, made.key, kSecret));
    LEDGERLINE_CHECK(write_file(files.certificate, made.certificate, kPublic));
    return files;
}

Certificates::Certificates(http::TlsFiles files, http::Listener& listener, const ProcessContext& context)
    : files_(std::move(files)),
      listener_(listener),
      context_(context),
      loop_(
          "certificates", wakeup_,
          [this] {
              look();
              return Result<milliseconds>(look_pause);
          },
          [](const Error&) {}, exception_noter(context.metrics, "http")) {}

Result<void> Certificates::load() {
    const std::lock_guard lock(mutex_);
    loaded_ = seen_ = stamp();
    LEDGERLINE_TRY(auto context, read(files_, context_.clock));
    const std::string expires_at = format_rfc3339(context->expires_at());
    const bool near = context->expires_at() < context_.clock.wall_now() + kExpiryNear;
    log::write(near ? log::Level::warn : log::Level::info,
               near ? "certificate loaded; it expires soon" : "certificate loaded",
               {{"file", files_.certificate}, {"sha256", context->fingerprint()}, {"expires_at", expires_at}});
    context_.metrics.http_certificate_expiry_timestamp_seconds.Set(
        static_cast<double>(context->expires_at().time_since_epoch().count()));
    listener_.set_tls(std::move(context));
    return {};
}

void Certificates::reload() {
    if (const auto loaded = load(); !loaded)
        log::error("the certificate could not be reloaded; the old one stays in use",
                   {{"reason", loaded.error().message}});
}

void Certificates::look() {
    const Stamp now = stamp();
    bool changed = false;
    {
        const std::lock_guard lock(mutex_);
        changed = now != loaded_ && now == seen_;
        seen_ = now;
    }
    if (changed) reload();
}

// Through links, as deployment tools replace a whole directory by changing one.
Certificates::Stamp Certificates::stamp() const {
    Stamp stamp;
    for (const std::string& path : {files_.certificate, files_.key, files_.client_authorities}) {
        struct stat facts{};
        if (stat(path.c_str(), &facts) != 0)
            stamp.emplace_back("none");
        else
            stamp.push_back(fmt::format("{}.{}.{}.{}.{}", facts.st_dev, facts.st_ino, facts.st_size,
                                        facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec));
    }
    return stamp;
}

}  // namespace ledgerline::roles
