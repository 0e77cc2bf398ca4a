#include "app/cli/web_request.h"

#include <curl/curl.h>

#include <memory>

#include "core/net/http.h"
#include "core/x402/offer.h"

namespace netpas::cli {

namespace {

constexpr long connectSeconds = 10;
constexpr long silentSeconds = 30;

struct Transfer {
    CURL* curl = nullptr;
    Content& content;
    uint64_t most = 0;
    uint64_t taken = 0;
    bool begun = false;
    bool tooLong = false;
    bool notKept = false;
    bool headEnded = false;  // libcurl takes a connection that ends within the headers for a reply without content
    WebReply reply;

    [[nodiscard]] bool success() {
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        return status >= 200 && status < 300;
    }
};

size_t onHeader(char* data, size_t, size_t size, void* context) {
    Transfer& transfer = *static_cast<Transfer*>(context);
    std::string_view line(data, size);
    if (line.starts_with("HTTP/")) {
        transfer.reply = {};
        transfer.headEnded = false;
        transfer.reply.framed = line.starts_with("HTTP/2") || line.starts_with("HTTP/3");
        return size;
    }
    if (line == "\r\n" || line == "\n") transfer.headEnded = true;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return size;
    const std::string_view name = line.substr(0, colon);
    line.remove_prefix(colon + 1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
    const auto is = [&](std::string_view wanted) { return net::sameHeaderName(name, wanted); };
    if (is("Content-Length") || is("Transfer-Encoding")) transfer.reply.framed = true;
    if (is("Content-Type")) transfer.reply.contentType = line;
    if (is(x402::requiredHeader)) transfer.reply.required = line;
    if (is("PAYMENT-RESPONSE") || is("X-PAYMENT-RESPONSE")) transfer.reply.receipt = line;
    return size;
}

size_t onBody(char* data, size_t, size_t size, void* context) {
    Transfer& transfer = *static_cast<Transfer*>(context);
    if (!transfer.success()) {
        const size_t room = x402::maxBody - std::min(x402::maxBody, transfer.reply.body.size());
        transfer.reply.body.append(data, std::min(room, size));
        return size;
    }
    transfer.taken += size;
    transfer.tooLong = transfer.taken > transfer.most;
    if (transfer.tooLong) return 0;
    if (!std::exchange(transfer.begun, true)) transfer.notKept = !transfer.content.restart();
    transfer.notKept = transfer.notKept || !transfer.content.take({data, size});
    return transfer.notKept ? 0 : size;
}

bool mayPass(CURLcode code) {
    return code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL &&
           code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE &&
           code != CURLE_SSL_ISSUER_ERROR && code != CURLE_FILESIZE_EXCEEDED;
}

void prepare(CURL* curl, const WebRequest& request, Transfer& transfer, curl_slist* headers) {
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");  // who stands in between could show the proof as its own
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "netpas");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connectSeconds);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, silentSeconds);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.mostBytes));
    if (!request.authorities.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, request.authorities.c_str());
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, onHeader);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, onBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
}

}  // namespace

tl::expected<WebReply, WebFailure> webGet(const WebRequest& request, Content& content) {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(started == CURLE_OK ? curl_easy_init() : nullptr,
                                                      curl_easy_cleanup);
    if (!curl) return tl::unexpected(WebFailure{"libcurl does not start", false});
    curl_slist* list = nullptr;
    // Whoever answers with a page for browsers is not asked for one.
    list = curl_slist_append(list, "Accept: */*");
    if (request.proof) list = curl_slist_append(list, (request.proof->name + ": " + request.proof->value).c_str());
    const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
    Transfer transfer{.curl = curl.get(), .content = content, .most = request.mostBytes, .reply = {}};
    prepare(curl.get(), request, transfer, list);
    const CURLcode code = curl_easy_perform(curl.get());
    if (transfer.tooLong || code == CURLE_FILESIZE_EXCEEDED) {
        return tl::unexpected(
            WebFailure{"the content is longer than " + std::to_string(request.mostBytes) + " bytes", false});
    }
    if (transfer.notKept) return tl::unexpected(WebFailure{"the content cannot be written", false});
    if (code != CURLE_OK) return tl::unexpected(WebFailure{curl_easy_strerror(code), mayPass(code)});
    if (!transfer.headEnded) return tl::unexpected(WebFailure{"the reply broke off within its headers"});
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &transfer.reply.status);
    char* redirect = nullptr;
    curl_easy_getinfo(curl.get(), CURLINFO_REDIRECT_URL, &redirect);
    if (redirect != nullptr) transfer.reply.redirect = redirect;
    if (transfer.success() && !transfer.begun && !content.restart()) {
        return tl::unexpected(WebFailure{"the content cannot be written", false});
    }
    return std::move(transfer.reply);
}

}  // namespace netpas::cli
