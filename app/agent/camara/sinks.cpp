#include "app/agent/camara/sinks.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace netpas::agent::camara {

namespace {

constexpr long patience = 5000;  // milliseconds for one attempt
constexpr long accepted = 300;   // and above: not told
constexpr long gone = 410;       // wants nothing any more

bool inAny(const IpAddress& address, std::span<const char* const> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const char* prefix) { return IpPrefix::parse(prefix)->contains(address); });
}

// The IPv4 address in one that stands for it: mapped, NAT64 or 6to4.
std::optional<IpAddress> translated(const IpAddress& address) {
    const auto bytes = address.bytes();
    const auto part = [&](size_t at) { return IpAddress::fromBytes(bytes.subspan(at, 4)); };
    static constexpr std::array<const char*, 2> behind{"::ffff:0:0/96", "64:ff9b::/96"};
    static constexpr std::array<const char*, 1> sixToFour{"2002::/16"};
    if (inAny(address, behind)) return part(12);
    return inAny(address, sixToFour) ? part(2) : std::nullopt;
}

std::optional<IpAddress> addressIn(const sockaddr& at) {
    if (at.sa_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(at);
        return IpAddress::fromBytes({reinterpret_cast<const uint8_t*>(&v4.sin_addr), 4});
    }
    if (at.sa_family != AF_INET6) return std::nullopt;
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(at);
    return IpAddress::fromBytes({reinterpret_cast<const uint8_t*>(&v6.sin6_addr), 16});
}

size_t ignoreBody(char*, size_t, size_t size, void* left) {
    auto& room = *static_cast<size_t*>(left);
    if (size > room) return 0;
    room -= size;
    return size;
}

}  // namespace

bool isPublicAddress(const IpAddress& address) {
    static constexpr std::array<const char*, 10> hidden4{
        "0.0.0.0/8",     "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "192.0.0.0/24",  "224.0.0.0/4", "240.0.0.0/4"};
    static constexpr std::array<const char*, 6> hidden6{"::/96",     "64:ff9b:1::/48", "fc00::/7",
                                                        "fe80::/10", "fec0::/10",      "ff00::/8"};
    if (address.isV4()) return !inAny(address, hidden4);
    if (const auto inner = translated(address)) return isPublicAddress(*inner);
    return !inAny(address, hidden6);
}

class Sinks::Impl {
public:
    Impl(std::filesystem::path authority, std::function<bool(const IpAddress&)> isOwn)
        : m_authority(std::move(authority)), m_isOwn(std::move(isOwn)) {}
    ~Impl() {
        {
            const std::lock_guard lock(m_mutex);
            m_stopping = true;
        }
        m_wake.notify_all();
        for (std::thread& thread : m_threads) thread.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void send(Event event) {
        const std::lock_guard lock(m_mutex);
        const auto own = std::count_if(m_waiting.begin(), m_waiting.end(),
                                       [&](const Event& other) { return other.uid == event.uid; });
        if (m_waiting.size() >= mostWaiting || static_cast<size_t>(own) >= mostWaitingOfOne) return;
        m_waiting.push_back(std::move(event));
        // Most machines never need them.
        while (m_threads.size() < threads) m_threads.emplace_back([this] { run(); });
        m_wake.notify_all();
    }

private:
    // The next whose user has no other under way.
    [[nodiscard]] std::deque<Event>::iterator next() {
        return std::find_if(m_waiting.begin(), m_waiting.end(),
                            [this](const Event& event) { return !m_busy.contains(event.uid); });
    }

    void run() {
        std::unique_lock lock(m_mutex);
        for (;;) {
            m_wake.wait(lock, [this] { return m_stopping || next() != m_waiting.end(); });
            if (m_stopping) return;
            const auto at = next();
            const Event event = std::move(*at);
            m_waiting.erase(at);
            m_busy.insert(event.uid);
            for (int attempt = 0; attempt < attempts && !m_stopping; ++attempt) {
                lock.unlock();
                const bool done = deliver(event);
                lock.lock();
                if (done) break;
                m_wake.wait_for(lock, std::chrono::seconds(1 << attempt), [this] { return m_stopping; });
            }
            m_busy.erase(event.uid);
            m_wake.notify_all();
        }
    }

    // Asked by libcurl for every connection, with the address that the name has now.
    static curl_socket_t openSocket(void* self, curlsocktype purpose, curl_sockaddr* at) {
        const auto address = addressIn(at->addr);
        const auto& impl = *static_cast<const Impl*>(self);
        const bool fine =
            purpose == CURLSOCKTYPE_IPCXN && address && isPublicAddress(*address) && !impl.m_isOwn(*address);
        return fine ? ::socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol) : CURL_SOCKET_BAD;
    }

    // It has been told, or never will be.
    bool deliver(const Event& event) {
        CURL* const easy = curl_easy_init();
        if (easy == nullptr) return true;
        curl_slist* headers = nullptr;
        const auto add = [&](const std::string& line) { headers = curl_slist_append(headers, line.c_str()); };
        add("Content-Type: application/cloudevents+json");
        if (!event.bearer.empty()) add("Authorization: Bearer " + event.bearer);
        add("x-correlator: " + event.correlator);
        add("Expect:");
        size_t room = size_t{1} << 16;
        const auto set = [easy](CURLoption option, auto value) { (void)curl_easy_setopt(easy, option, value); };
        set(CURLOPT_URL, event.sink.c_str());
        set(CURLOPT_PROTOCOLS_STR, "https");
        set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
        if (!m_authority.empty()) set(CURLOPT_CAINFO, m_authority.c_str());
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_NOPROXY, "*");
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_TIMEOUT_MS, patience);
        set(CURLOPT_HTTPHEADER, headers);
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(event.body.size()));
        set(CURLOPT_POSTFIELDS, event.body.c_str());
        set(CURLOPT_OPENSOCKETFUNCTION, &Impl::openSocket);
        set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
        set(CURLOPT_WRITEFUNCTION, &ignoreBody);
        set(CURLOPT_WRITEDATA, static_cast<void*>(&room));
        const CURLcode code = curl_easy_perform(easy);
        long status = 0;
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_slist_free_all(headers);
        curl_easy_cleanup(easy);
        return (code == CURLE_OK && (status < accepted || status == gone)) || code == CURLE_PEER_FAILED_VERIFICATION;
    }

    std::filesystem::path m_authority;
    std::function<bool(const IpAddress&)> m_isOwn;
    std::mutex m_mutex;  // of everything below
    std::condition_variable m_wake;
    std::deque<Event> m_waiting;
    std::set<uint32_t> m_busy;
    bool m_stopping = false;
    std::vector<std::thread> m_threads;  // the sender's
};

Sinks::Sinks(std::filesystem::path authority, std::function<bool(const IpAddress&)> isOwn)
    : m_impl(std::make_unique<Impl>(std::move(authority), std::move(isOwn))) {}
Sinks::~Sinks() = default;
void Sinks::send(Event event) { m_impl->send(std::move(event)); }

}  // namespace netpas::agent::camara
