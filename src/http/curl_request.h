// What the client gives to libcurl for a request, and what its error messages show of the URL.
#pragma once

#include <curl/curl.h>

#include <string>

#include "base/result.h"
#include "http/client.h"

namespace ledgerline::http {

// Before anything else of libcurl. Thread-safe.
void initialize_curl();

// Certificates of SSL_CERT_FILE, CURL_CA_BUNDLE and SSL_CERT_DIR: only the command curl reads these, not the library.
void trust_as_environment_says(CURL* curl);

// Refused with client_bad_request when HTTP cannot express the method, the target or a header.
Result<void> check_request(const ClientRequest& request);

// What error messages show of a URL, and whether it names this machine.
struct UrlFacts {
    std::string shown;
    bool is_this_machine = false;
};
UrlFacts facts_of(const std::string& url);

// The request's headers as libcurl takes them; they must outlive the request.
class HeaderLines {
public:
    explicit HeaderLines(const ClientRequest& request);
    HeaderLines(const HeaderLines&) = delete;
    HeaderLines& operator=(const HeaderLines&) = delete;
    ~HeaderLines() { curl_slist_free_all(lines_); }
    curl_slist* get() const { return lines_; }

private:
    void add(const std::string& line);
    curl_slist* lines_ = nullptr;
};

}  // namespace ledgerline::http
