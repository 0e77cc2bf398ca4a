#include "app/payee/site.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/net/http_client.h"

namespace netpas::payee {

using net::HttpResponse;

namespace {

constexpr std::chrono::seconds upstreamTime{30};
constexpr std::string_view indexFile = "index.html";

// What may stand in a path as it is (RFC 3986).
std::string encodePath(std::string_view path) {
    std::string out;
    for (const char c : path) {
        if (c == '/') {
            out += c;
        } else {
            out += net::encodeQueryValue(std::string_view(&c, 1));
        }
    }
    return out;
}

std::string_view typeOf(std::string_view path) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> types{
        {{".html", "text/html; charset=utf-8"},
         {".txt", "text/plain; charset=utf-8"},
         {".css", "text/css"},
         {".js", "text/javascript"},
         {".json", "application/json"},
         {".png", "image/png"},
         {".jpg", "image/jpeg"},
         {".jpeg", "image/jpeg"},
         {".gif", "image/gif"},
         {".svg", "image/svg+xml"},
         {".webp", "image/webp"},
         {".pdf", "application/pdf"},
         {".mp3", "audio/mpeg"},
         {".mp4", "video/mp4"}}};
    const auto found =
        std::find_if(types.begin(), types.end(), [&](const auto& type) { return path.ends_with(type.first); });
    return found == types.end() ? "application/octet-stream" : found->second;
}

HttpResponse problem(unsigned status, std::string_view text) {
    HttpResponse response;
    response.status = status;
    response.contentType = "text/plain; charset=utf-8";
    response.body = std::string(text) + "\n";
    return response;
}

// Nothing above the folder, whatever the path or a link in it says; -1 with errno.
int openBelow(const std::filesystem::path& root, std::string_view path) {
    const int folder = ::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const std::string below(path.substr(path.find_first_not_of('/')));
    const auto file = static_cast<int>(::syscall(SYS_openat2, folder, below.c_str(), &how, sizeof how));
    ::close(folder);
    return file;
}

bool readAll(int file, std::string& into) {
    size_t at = 0;
    while (at < into.size()) {
        const ssize_t got = ::read(file, into.data() + at, into.size() - at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += static_cast<size_t>(got);
    }
    return true;
}

std::string_view proofIn(const net::HttpRequest& request) {
    const std::string_view second = request.header("PAYMENT-SIGNATURE");
    return second.empty() ? request.header("X-PAYMENT") : second;
}

}  // namespace

Site::Site(boost::asio::io_context& io, Cashier& cashier, SiteSettings settings, std::string certificate)
    : m_io(io), m_cashier(cashier), m_settings(std::move(settings)), m_certificate(std::move(certificate)) {}

const PricedPath* Site::priceOf(std::string_view path) const {
    const auto found = std::find_if(m_settings.prices.begin(), m_settings.prices.end(),
                                    [&](const PricedPath& price) { return price.matches(path); });
    return found == m_settings.prices.end() ? nullptr : &*found;
}

std::string Site::urlOf(const net::HttpRequest& request) const {
    std::string url = m_settings.url + encodePath(request.path);
    if (m_settings.upstream.empty()) return url;  // a file is the same whatever is asked for with it
    char mark = '?';
    for (const auto& [name, value] : request.query) {
        url += mark + net::encodeQueryValue(name) + "=" + net::encodeQueryValue(value);
        mark = '&';
    }
    return url;
}

HttpResponse Site::file(std::string_view path) const {
    const std::string name = path.ends_with('/') ? std::string(path) + std::string(indexFile) : std::string(path);
    const int at = name.find('\0') == std::string::npos && name.find_first_not_of('/') != std::string::npos
                       ? openBelow(m_settings.root, name)
                       : -1;
    if (at < 0) return problem(404, "there is no such file");
    struct stat status {};
    HttpResponse response;
    const bool regular = ::fstat(at, &status) == 0 && S_ISREG(status.st_mode);
    const bool small = regular && status.st_size >= 0 && static_cast<size_t>(status.st_size) <= m_settings.mostBytes;
    bool whole = false;
    if (small) {
        response.body.resize(static_cast<size_t>(status.st_size));
        whole = readAll(at, response.body);
    }
    ::close(at);
    if (!regular) return problem(404, "there is no such file");
    if (!small) return problem(413, "the file is longer than this server sends (most_bytes)");
    if (!whole) return problem(500, "the file cannot be read");
    response.contentType = typeOf(name);
    return response;
}

void Site::load(const net::HttpRequest& request, const Done& done) const {
    if (m_settings.upstream.empty()) return done(file(request.path));
    net::HttpCall call;
    call.method = request.method;
    call.target = urlOf(request).substr(m_settings.url.size());
    call.timeout = upstreamTime;
    call.maxBody = m_settings.mostBytes;
    for (const char* const name : {"Accept", "Accept-Language", "User-Agent"}) {
        if (const auto value = request.header(name); !value.empty()) call.headers.push_back({name, std::string(value)});
    }
    net::httpCall(m_io, net::UnixTarget{m_settings.upstream}, call, [done](const net::HttpAnswer& answer) {
        if (!answer) return done(problem(502, "the web server behind does not answer"));
        HttpResponse response;
        response.status = answer->status;
        response.contentType = answer->contentType;
        response.body = answer->body;
        done(std::move(response));
    });
}

x402::Offer Site::offerOf(const net::HttpRequest& request, const PricedPath& price, x402::Version version) const {
    const CashierState state = m_cashier.state();
    x402::Offer offer;
    offer.version = version;
    offer.url = urlOf(request);
    offer.description = price.description;
    x402::Terms terms;
    terms.isp = state.isp.value_or(IspId{});
    terms.payee = state.payee;
    terms.amount = price.amount;
    terms.timeout = price.timeout;
    terms.purpose = price.purpose;
    if (!m_certificate.empty()) terms.certificate = m_settings.url + std::string(certificatePath);
    offer.terms.push_back(std::move(terms));
    return offer;
}

// Version 2 in the header, version 1 in the body: each kind of client finds its own.
HttpResponse Site::offer(const net::HttpRequest& request, const PricedPath& price, const std::string& error) const {
    HttpResponse response;
    response.status = 402;
    response.headers.push_back({"Cache-Control", "no-store"});
    response.body = "{}";
    for (const x402::Version version : m_settings.versions) {
        const x402::Offer made = offerOf(request, price, version);
        if (version == x402::Version::Two) {
            response.headers.push_back({std::string(x402::requiredHeader), x402::encodeOffer(made, error)});
        } else {
            response.body = x402::encodeOfferJson(made, error);
        }
    }
    return response;
}

void Site::sell(const net::HttpRequest& request, const PricedPath& price, const net::HttpReply& reply) const {
    const CashierState state = m_cashier.state();
    if (!state.isp) return reply(problem(503, "no payment can be taken at the moment"));
    if (urlOf(request).size() > x402::maxUrl) return reply(problem(414, "the address is too long to be sold"));
    const std::string_view shown = proofIn(request);
    if (shown.empty()) {
        // What is not there is not sold.
        return load(request, [this, request, price, reply](HttpResponse content) {
            reply(content.status == 200 ? offer(request, price, "Payment required") : std::move(content));
        });
    }
    const auto presented = x402::decodeProof(shown);
    if (!presented) return reply(offer(request, price, std::string(code(presented.error()))));
    const x402::Version version = presented->version;
    x402::FacilitatorRequest asked{*presented, offerOf(request, price, version).terms.front(), urlOf(request)};
    m_cashier.judge(asked, true, [this, request, price, reply, version](const x402::Receipt& receipt) {
        const x402::Header header = x402::encodeReceipt(version, receipt);
        const auto withReceipt = [reply, header](HttpResponse response) {
            response.headers.push_back({header.name, header.value});
            response.headers.push_back({"Cache-Control", "private, no-store"});
            reply(std::move(response));
        };
        if (!receipt.success) return withReceipt(offer(request, price, receipt.reason));
        load(request, withReceipt);
    });
}

void Site::handle(const net::HttpRequest& request, const net::HttpReply& reply) const {
    if (request.method != "GET" && request.method != "HEAD") return reply(problem(405, "only GET and HEAD"));
    if (request.path == certificatePath && !m_certificate.empty()) {
        HttpResponse response;
        response.contentType = "application/x-pem-file";
        response.body = m_certificate;
        return reply(std::move(response));
    }
    // Two ways to write the same must not be one for money and one for nothing.
    const bool plain = request.path.find("//") == std::string::npos && request.path.find("/./") == std::string::npos &&
                       request.path.find("/../") == std::string::npos && !request.path.ends_with("/.") &&
                       !request.path.ends_with("/..");
    if (!plain) return reply(problem(404, "write the address without empty parts and dots"));
    const PricedPath* price = priceOf(request.path);
    if (price == nullptr && request.path.ends_with('/')) price = priceOf(request.path + std::string(indexFile));
    if (price != nullptr) return sell(request, *price, reply);
    load(request, reply);
}

}  // namespace netpas::payee
