// The agent's local API under one machine's load, beside a web server that serves a static reply of the same size on a Unix socket of its own.
// tests/bench/local_api starts both; see README.md.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

struct Given {
    std::string socket, webSocket, webPath = "/status", to;
    uint64_t purchases = 200;
    double seconds = 2;
    int rounds = 5, connections = 8;
    bool json = false;
};

struct Reply {
    int status = 0;
    std::string body;
};

// One connection that is kept, with blocking calls: a request, its reply, the next one.
class Connection {
public:
    explicit Connection(const std::string& path) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        path.copy(to.sun_path, sizeof to.sun_path - 1);
        m_fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        m_good = ::connect(m_fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    ~Connection() { ::close(m_fd); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    std::optional<Reply> ask(const std::string& text) {
        if (!m_good || ::send(m_fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
            return std::nullopt;
        size_t end = std::string::npos;
        while ((end = m_read.find("\r\n\r\n")) == std::string::npos) {
            if (!more()) return std::nullopt;
        }
        const std::string head = m_read.substr(0, end);
        m_read.erase(0, end + 4);
        constexpr std::string_view lengthMark = "content-length: ";
        std::string lower = head;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](char c) { return static_cast<char>(std::tolower(c)); });
        const size_t at = lower.find(lengthMark);
        const size_t length =
            at == std::string::npos ? 0 : std::strtoul(lower.c_str() + at + lengthMark.size(), nullptr, 10);
        while (m_read.size() < length) {
            if (!more()) return std::nullopt;
        }
        Reply reply{std::atoi(head.c_str() + sizeof "HTTP/1.1"), m_read.substr(0, length)};
        m_read.erase(0, length);
        return reply;
    }

private:
    bool more() {
        std::array<char, 16384> piece{};
        const ssize_t count = ::recv(m_fd, piece.data(), piece.size(), 0);
        if (count > 0) m_read.append(piece.data(), static_cast<size_t>(count));
        return count > 0;
    }
    int m_fd = -1;
    bool m_good = false;
    std::string m_read;
};

std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: netpas\r\n\r\n"; }

std::string post(const std::string& path, const json& body, const std::string& more = {}) {
    const std::string text = body.dump();
    return "POST " + path + " HTTP/1.1\r\nHost: netpas\r\nContent-Type: application/json\r\n" + more +
           "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
}

double milliseconds(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Nearest rank.
double quantile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

double median(const std::vector<double>& values) { return quantile(values, 0.5); }

json spread(const std::vector<double>& values) {
    return {{"p50_ms", quantile(values, 0.5)}, {"p99_ms", quantile(values, 0.99)}};
}

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "bench_local_api: %s\n", why.c_str());
    std::exit(1);
}

// As an application does: what is offered, one of it bought by its id, until packets are paid. Ended without being measured.
json buying(const Given& given) {
    std::vector<double> quotes, purchases, together;
    Connection connection(given.socket);
    for (uint64_t i = 0; i < given.purchases; ++i) {
        const auto begin = Clock::now();
        const auto quoted =
            connection.ask(post("/v1/quotes", {{"to", given.to}, {"stream_bit_per_second", 5'000'000}}));
        const json offers =
            quoted ? json::parse(quoted->body, nullptr, false).value("offers", json::array()) : json::array();
        if (offers.size() < 2) die("no offers: " + (quoted ? quoted->body : std::string("no reply")));
        quotes.push_back(milliseconds(begin));
        const auto middle = Clock::now();
        const json order{
            {"to", given.to},  {"protocol", "udp"}, {"to_port", 1024 + i % 60000}, {"offer", offers.back()["id"]},
            {"cap", "0.0001"}, {"purpose", "video"}};
        const auto bought = connection.ask(
            post("/v1/purchases", order,
                 "Idempotency-Key: bench-" + std::to_string(::getpid()) + "-" + std::to_string(i) + "\r\n"));
        if (!bought || bought->status != 200) die("not bought: " + (bought ? bought->body : std::string("no reply")));
        purchases.push_back(milliseconds(middle));
        together.push_back(milliseconds(begin));
        const std::string id = json::parse(bought->body).value("id", "");
        if (!connection.ask("DELETE /v1/purchases/" + id + " HTTP/1.1\r\nHost: netpas\r\n\r\n"))
            die("it cannot be ended");
    }
    return {{"purchases", given.purchases},
            {"quote", spread(quotes)},
            {"purchase", spread(purchases)},
            {"together", spread(together)}};
}

// Requests a second that all connections together get answered.
double rate(const Given& given, const std::string& socket, const std::string& request) {
    std::atomic<uint64_t> answered{0}, failed{0};
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    const auto begin = Clock::now();
    for (int i = 0; i < given.connections; ++i) {
        threads.emplace_back([&] {
            Connection connection(socket);
            while (!over) {
                const auto reply = connection.ask(request);
                if (!reply || reply->status != 200) {
                    ++failed;
                    return;
                }
                ++answered;
            }
        });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(given.seconds));
    over = true;
    for (std::thread& thread : threads) thread.join();
    if (failed > 0) die("a request on " + socket + " failed");
    return static_cast<double>(answered) * 1000 / milliseconds(begin);
}

json rates(const Given& given) {
    const std::string quote = post("/v1/quotes", {{"to", given.to}, {"stream_bit_per_second", 5'000'000}});
    std::vector<double> status, quotes, web;
    for (int round = 0; round < given.rounds; ++round) {
        status.push_back(rate(given, given.socket, get("/v1/status")));
        web.push_back(rate(given, given.webSocket, get(given.webPath)));
        quotes.push_back(rate(given, given.socket, quote));
    }
    const double reference = median(web);
    return {{"connections", given.connections},
            {"status_per_s", median(status)},
            {"quotes_per_s", median(quotes)},
            {"nginx_per_s", reference},
            {"status_of_nginx", median(status) / reference},
            {"quotes_of_nginx", median(quotes) / reference}};
}

}  // namespace

int main(int argc, char** argv) {
    Given given;
    CLI::App app{"the local API's latency and rate"};
    app.add_option("--socket", given.socket, "the agent's")->required();
    app.add_option("--nginx", given.webSocket, "Unix socket of the web server")->required();
    app.add_option("--to", given.to, "where better service is sold")->required();
    app.add_option("--purchases", given.purchases)->check(CLI::Range(1, 50'000))->capture_default_str();
    app.add_option("--seconds", given.seconds, "of each round and target")
        ->check(CLI::Range(0.2, 60.0))
        ->capture_default_str();
    app.add_option("--rounds", given.rounds)->check(CLI::Range(1, 100))->capture_default_str();
    app.add_option("--connections", given.connections)->check(CLI::Range(1, 64))->capture_default_str();
    app.add_flag("--json", given.json);
    CLI11_PARSE(app, argc, argv);
    json result = rates(given);
    result.update(buying(given));
    if (given.json) {
        std::printf("%s\n", result.dump().c_str());
        return 0;
    }
    const auto line = [&](const char* what) {
        std::printf("%-10s p50 %7.2f ms, p99 %7.2f ms\n", what, result[what]["p50_ms"].get<double>(),
                    result[what]["p99_ms"].get<double>());
    };
    for (const char* what : {"quote", "purchase", "together"}) line(what);
    std::printf("status %.0f a second, quotes %.0f, nginx %.0f: %.3f and %.3f of it\n",
                result["status_per_s"].get<double>(), result["quotes_per_s"].get<double>(),
                result["nginx_per_s"].get<double>(), result["status_of_nginx"].get<double>(),
                result["quotes_of_nginx"].get<double>());
    return 0;
}
