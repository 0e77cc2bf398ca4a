#include <curl/curl.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cctype>
#include <charconv>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "cartographer/fetcher.h"

namespace netpas::cartographer {

namespace {

constexpr long connectionsToOne = 4;

// A process-wide matter, which must come before the first thread that uses it.
void initCurl() {
    static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
    (void)done;
}

// libcurl names a key by the SHA-256 hash of its SubjectPublicKeyInfo (RFC 8410 §4).
std::string pinOf(const PublicKey& key) {
    std::array<uint8_t, 12 + 32> info{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    std::copy_n(key.bytes.begin(), 32, info.begin() + 12);
    std::array<uint8_t, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256(hash.data(), info.data(), info.size());
    std::array<char, sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL)> text{};
    sodium_bin2base64(text.data(), text.size(), hash.data(), hash.size(), sodium_base64_VARIANT_ORIGINAL);
    return std::string("sha256//") + text.data();
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
    return text;
}

std::optional<std::string_view> valueOf(std::string_view line, std::string_view name) {
    if (line.size() <= name.size() || line[name.size()] != ':') return std::nullopt;
    const bool same = std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
        return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
    });
    return same ? std::optional(trimmed(line.substr(name.size() + 1))) : std::nullopt;
}

std::optional<std::chrono::seconds> maxAgeOf(std::string_view control) {
    constexpr std::string_view key = "max-age=";
    const size_t at = control.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    uint32_t seconds = 0;
    const char* const begin = control.data() + at + key.size();
    const auto [end, error] = std::from_chars(begin, control.data() + control.size(), seconds);
    return error == std::errc{} ? std::optional(std::chrono::seconds(seconds)) : std::nullopt;
}

// One request. Its addresses are given to libcurl: it stays where it is.
struct Transfer {
    Transfer() = default;
    ~Transfer() {
        curl_slist_free_all(headers);
        curl_easy_cleanup(easy);
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    CURL* easy = curl_easy_init();
    curl_slist* headers = nullptr;
    const FetchLimits* limits = nullptr;
    Fetcher::Done done;
    Fetched answer;
    size_t headerBytes = 0;
    bool tooLong = false;
    bool asked = false;  // a tag was sent
    std::array<char, CURL_ERROR_SIZE> text{};

    static size_t onBody(char* data, size_t, size_t size, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        if (size > transfer.limits->body - transfer.answer.body.size()) {
            transfer.tooLong = true;
            return 0;  // not all of it: libcurl gives up
        }
        transfer.answer.body.append(data, size);
        return size;
    }

    static size_t onHeader(char* data, size_t, size_t size, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        transfer.headerBytes += size;
        if (transfer.headerBytes > transfer.limits->header) {
            transfer.tooLong = true;
            return 0;
        }
        const std::string_view line(data, size);
        if (const auto tag = valueOf(line, "etag")) transfer.answer.tag = *tag;
        if (const auto control = valueOf(line, "cache-control")) transfer.answer.maxAge = maxAgeOf(*control);
        return size;
    }

    void prepare(const std::string& url, const std::string& pin, const std::string& tag) {
        const auto set = [this](CURLoption option, auto value) { (void)curl_easy_setopt(easy, option, value); };
        set(CURLOPT_URL, url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "https");
        set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
        set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_3});
        // No authority vouches for the certificate: its key is the one that was expected, or the connection ends.
        set(CURLOPT_SSL_VERIFYPEER, 0L);
        set(CURLOPT_SSL_VERIFYHOST, 0L);
        set(CURLOPT_PINNEDPUBLICKEY, pin.c_str());
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_NOPROXY, "*");
        set(CURLOPT_NOSIGNAL, 1L);
        const auto whole = tag.empty() ? limits->whole : std::min(limits->whole, limits->again);
        set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(limits->connect, whole).count()));
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(whole.count()));
        set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits->body));
        set(CURLOPT_ERRORBUFFER, text.data());
        set(CURLOPT_WRITEFUNCTION, &Transfer::onBody);
        set(CURLOPT_WRITEDATA, static_cast<void*>(this));
        set(CURLOPT_HEADERFUNCTION, &Transfer::onHeader);
        set(CURLOPT_HEADERDATA, static_cast<void*>(this));
        set(CURLOPT_PRIVATE, static_cast<void*>(this));
        if (tag.empty()) return;
        asked = true;
        headers = curl_slist_append(nullptr, ("If-None-Match: " + tag).c_str());
        set(CURLOPT_HTTPHEADER, headers);
    }

    [[nodiscard]] tl::expected<Fetched, FetchFailure> outcome(CURLcode code) {
        if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH) {
            return tl::unexpected(FetchFailure{FetchFailure::Kind::WrongKey, "another key"});
        }
        if (tooLong || code == CURLE_FILESIZE_EXCEEDED) {
            return tl::unexpected(FetchFailure{FetchFailure::Kind::NotServed, "more than a document may have"});
        }
        if (code != CURLE_OK) {
            const char* const what = text[0] != 0 ? text.data() : curl_easy_strerror(code);
            return tl::unexpected(FetchFailure{FetchFailure::Kind::Unreachable, what});
        }
        long status = 0;
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        answer.unchanged = status == 304 && asked;
        if (status == 200 || answer.unchanged) return std::move(answer);
        return tl::unexpected(FetchFailure{FetchFailure::Kind::NotServed, "status " + std::to_string(status)});
    }
};

}  // namespace

// Owned by the fetcher; the answers that are under way to the io_context look whether it still is.
class CurlFetcher::Worker : public std::enable_shared_from_this<Worker> {
public:
    explicit Worker(boost::asio::io_context& io) : m_io(io), m_multi(curl_multi_init()) {
        (void)curl_multi_setopt(m_multi, CURLMOPT_MAX_HOST_CONNECTIONS, connectionsToOne);
    }
    ~Worker() { (void)curl_multi_cleanup(m_multi); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void start(long connections) {
        (void)curl_multi_setopt(m_multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
        m_thread = std::thread([this] { run(); });
    }
    void stop() {
        {
            const std::lock_guard lock(m_mutex);
            m_stopping = true;
        }
        (void)curl_multi_wakeup(m_multi);
        m_thread.join();
    }
    void add(std::unique_ptr<Transfer> transfer) {
        {
            const std::lock_guard lock(m_mutex);
            m_new.push_back(std::move(transfer));
        }
        (void)curl_multi_wakeup(m_multi);
    }

private:
    void run() {
        constexpr int idle = 60'000;  // milliseconds; a wake-up ends it
        for (int running = 0; takeNew();) {
            (void)curl_multi_perform(m_multi, &running);
            finish();
            (void)curl_multi_poll(m_multi, nullptr, 0, idle, nullptr);
        }
        for (const auto& [easy, transfer] : m_running) (void)curl_multi_remove_handle(m_multi, easy);
        m_running.clear();
    }

    bool takeNew() {
        std::vector<std::unique_ptr<Transfer>> fresh;
        {
            const std::lock_guard lock(m_mutex);
            if (m_stopping) return false;
            fresh.swap(m_new);
        }
        for (auto& transfer : fresh) {
            CURL* const easy = transfer->easy;
            (void)curl_multi_add_handle(m_multi, easy);
            m_running.emplace(easy, std::move(transfer));
        }
        return true;
    }

    void finish() {
        int left = 0;
        while (CURLMsg* const message = curl_multi_info_read(m_multi, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            CURL* const easy = message->easy_handle;
            const CURLcode code = message->data.result;
            const auto found = m_running.find(easy);
            auto answer = found->second->outcome(code);
            boost::asio::post(m_io, [owner = weak_from_this(), done = std::move(found->second->done),
                                     answer = std::move(answer)]() mutable {
                if (!owner.expired()) done(std::move(answer));
            });
            (void)curl_multi_remove_handle(m_multi, easy);
            m_running.erase(found);
        }
    }

    boost::asio::io_context& m_io;
    CURLM* m_multi;
    std::map<CURL*, std::unique_ptr<Transfer>> m_running;  // the thread's
    std::mutex m_mutex;
    std::vector<std::unique_ptr<Transfer>> m_new;  // under the mutex
    bool m_stopping = false;                       // under the mutex
    std::thread m_thread;
};

CurlFetcher::CurlFetcher(boost::asio::io_context& io, FetchLimits limits) : m_io(io), m_limits(limits) {}

CurlFetcher::~CurlFetcher() {
    if (m_worker) m_worker->stop();
}

void CurlFetcher::get(const Endpoint& server, const PublicKey& key, const std::string& target, const std::string& tag,
                      Done done) {
    if (!m_worker) {
        initCurl();
        m_worker = std::make_shared<Worker>(m_io);
        m_worker->start(m_limits.connections);
    }
    auto transfer = std::make_unique<Transfer>();
    transfer->limits = &m_limits;
    transfer->done = std::move(done);
    // A tag came from the network: what is no header value is not sent back.
    const bool clean = std::all_of(tag.begin(), tag.end(), [](char c) { return c >= ' ' && c < 0x7f; });
    transfer->prepare("https://" + server.toString() + target, pinOf(key), clean ? tag : std::string());
    m_worker->add(std::move(transfer));
}

}  // namespace netpas::cartographer
