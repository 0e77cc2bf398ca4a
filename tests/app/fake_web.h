// A web server on 127.0.0.1 that answers as it is told, byte for byte, with or without TLS; and certificates for it. For what must
// survive servers and connections of any kind.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <QString>
#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace netpas::test {

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using TlsContext = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;

// Signed by itself; `name` as in "IP:127.0.0.1" or "DNS:example.net"; valid from a day ago until `seconds` from now.
struct Paper {
    Key key;
    Certificate certificate;

    Paper(const std::string& name, long seconds) : key(EVP_EC_gen("P-256")), certificate(X509_new()) {
        constexpr long day = 86'400;
        X509* const made = certificate.get();
        X509_set_version(made, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
        X509_gmtime_adj(X509_getm_notBefore(made), -day);
        X509_gmtime_adj(X509_getm_notAfter(made), seconds);
        X509_set_pubkey(made, key.get());
        X509_NAME* const subject = X509_get_subject_name(made);
        const auto* const text = reinterpret_cast<const unsigned char*>("NetPaS test");
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0);
        X509_set_issuer_name(made, subject);
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, made, made, nullptr, nullptr, 0);
        for (const auto& [what, value] : {std::pair(NID_subject_alt_name, name),
                                          std::pair(NID_basic_constraints, std::string("critical,CA:TRUE"))}) {
            const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
                X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
            X509_add_ext(made, extension.get(), -1);
        }
        X509_sign(made, key.get(), EVP_sha256());
    }
    void save(const QString& file) const {
        const std::unique_ptr<BIO, Freed<BIO_free_all>> out(BIO_new_file(qPrintable(file), "w"));
        PEM_write_bio_X509(out.get(), certificate.get());
    }
    [[nodiscard]] TlsContext context() const {
        TlsContext made(SSL_CTX_new(TLS_server_method()));
        SSL_CTX_use_certificate(made.get(), certificate.get());
        SSL_CTX_use_PrivateKey(made.get(), key.get());
        return made;
    }
};

class FakeWeb {
public:
    enum class End { Close, Reset };
    struct Answer {
        std::string bytes;  // then the connection ends
        End end = End::Close;
    };
    // Gets the head of the request.
    using Handler = std::function<Answer(const std::string& request)>;

    explicit FakeWeb(Handler handler, const Paper* paper = nullptr) : m_handler(std::move(handler)) {
        // Who asks may be gone, and OpenSSL writes to it all the same.
        (void)::signal(SIGPIPE, SIG_IGN);
        if (paper != nullptr) m_tls = paper->context();
        m_listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(m_listener, generic, sizeof address) != 0 || ::listen(m_listener, 64) != 0 ||
            ::getsockname(m_listener, generic, &size) != 0)
            qFatal("no port on 127.0.0.1");
        m_port = ntohs(address.sin_port);
        m_thread = std::thread([this] { run(); });
    }
    ~FakeWeb() {
        m_ending = true;
        m_thread.join();
        ::close(m_listener);
    }
    FakeWeb(const FakeWeb&) = delete;
    FakeWeb& operator=(const FakeWeb&) = delete;

    [[nodiscard]] std::string url(const std::string& path = "/") const {
        return (m_tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(m_port) + path;
    }
    // Heads of the requests that came.
    [[nodiscard]] std::vector<std::string> requests() const {
        const std::lock_guard lock(m_mutex);
        return m_requests;
    }

    static std::string reply(const std::string& head, const std::string& body) {
        return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }

private:
    void run() {
        while (!m_ending) {
            pollfd wait{m_listener, POLLIN, 0};
            if (::poll(&wait, 1, 20) <= 0) continue;
            const int socket = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (socket >= 0) serve(socket);
        }
    }
    void serve(int socket) {
        const timeval patience{5, 0};
        (void)::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        std::unique_ptr<SSL, Freed<SSL_free>> tls;
        if (m_tls) {
            tls.reset(SSL_new(m_tls.get()));
            SSL_set_fd(tls.get(), socket);
            if (SSL_accept(tls.get()) != 1) {
                ::close(socket);
                return;
            }
        }
        std::string request;
        char buffer[4096];
        while (request.find("\r\n\r\n") == std::string::npos) {
            const auto got = tls ? SSL_read(tls.get(), buffer, sizeof buffer)
                                 : static_cast<int>(::recv(socket, buffer, sizeof buffer, 0));
            if (got <= 0) break;
            request.append(buffer, static_cast<size_t>(got));
        }
        if (!request.empty()) {
            {
                const std::lock_guard lock(m_mutex);
                m_requests.push_back(request);
            }
            const Answer answer = m_handler(request);
            const int size = static_cast<int>(answer.bytes.size());
            if (tls && size > 0) (void)!SSL_write(tls.get(), answer.bytes.data(), size);
            if (!tls && size > 0) (void)!::send(socket, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL);
            const linger hard{1, 0};
            if (answer.end == End::Reset) (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            if (tls && answer.end == End::Close) SSL_shutdown(tls.get());
        }
        ::close(socket);
    }

    Handler m_handler;
    TlsContext m_tls;
    int m_listener = -1;
    uint16_t m_port = 0;
    std::atomic<bool> m_ending{false};
    mutable std::mutex m_mutex;
    std::vector<std::string> m_requests;
    std::thread m_thread;
};

}  // namespace netpas::test
