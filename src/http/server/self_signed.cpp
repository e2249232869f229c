#include "http/server/self_signed.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <memory>

#include "base/result.h"

namespace ledgerline::http {
namespace {

constexpr const char* kCurve = "P-256";
constexpr long kVersion3 = 2;
constexpr int kSerialBits = 127;

template <auto destroy>
struct Freed {
    void operator()(auto* object) const { destroy(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Text = std::unique_ptr<BIO, Freed<BIO_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

std::string alternative_names(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        boost::system::error_code error;
        (void)boost::asio::ip::make_address(name, error);
        const char* kind = name.starts_with("urn:") ? "URI:" : error ? "DNS:" : "IP:";
        text += (text.empty() ? "" : ",") + std::string(kind) + name;
    }
    return text;
}

void add_extension(X509* certificate, int kind, const std::string& value) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
    LEDGERLINE_ASSERT(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void set_times(X509* certificate, WallTime now, std::chrono::days lifetime) {
    const time_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    const std::chrono::seconds day = std::chrono::days(1);
    ASN1_TIME_set(X509_getm_notBefore(certificate), seconds - day.count());
    ASN1_TIME_set(X509_getm_notAfter(certificate), seconds + std::chrono::seconds(lifetime).count());
}

void set_serial(X509* certificate) {
    const Number number(BN_new());
    LEDGERLINE_ASSERT(number && BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1);
    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

std::string text_in(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

}  // namespace

SelfSigned make_self_signed(const std::vector<std::string>& names, WallTime now, std::chrono::days lifetime) {
    LEDGERLINE_ASSERT(!names.empty());
    const Key key(EVP_EC_gen(kCurve));
    const Certificate certificate(X509_new());
    LEDGERLINE_ASSERT(key && certificate);
    X509_set_version(certificate.get(), kVersion3);
    set_serial(certificate.get());
    set_times(certificate.get(), now, lifetime);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    const auto* common_name = reinterpret_cast<const unsigned char*>(names.front().c_str());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common_name, -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    add_extension(certificate.get(), NID_subject_alt_name, alternative_names(names));
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
    LEDGERLINE_ASSERT(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);

    const Text certificate_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
    LEDGERLINE_ASSERT(PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1);
    LEDGERLINE_ASSERT(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return {text_in(certificate_text.get()), text_in(key_text.get())};
}

}  // namespace ledgerline::http
