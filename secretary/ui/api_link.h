// The local API, asynchronously. Made, called and answered on the GUI's thread; the network has a thread of its own inside.
#pragma once

#include <QByteArray>
#include <QObject>
#include <QString>
#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/net/http_client.h"

namespace netpas::ui {

struct ApiReply {
    unsigned status = 0;  // of HTTP; 0: nobody answered
    nlohmann::json body;  // or a text; when nobody answered, why and what to type, as of a refusal
    std::vector<net::HttpHeader> headers = {};
    QByteArray bytes = {};  // instead of the body, of what is neither
    [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
    [[nodiscard]] QString header(const char* name) const;
    // Of a refusal, for people.
    [[nodiscard]] QString code() const;
    [[nodiscard]] QString message() const;
    [[nodiscard]] QString hint() const;
};

class ApiLink final : public QObject {
    Q_OBJECT

public:
    // Where a path is asked: the secretary's socket, the agent's, or one server for both.
    using Route = std::function<net::HttpTarget(const std::string& path)>;
    using Done = std::function<void(const ApiReply&)>;

    explicit ApiLink(Route route, QObject* parent = nullptr);
    ~ApiLink() override;

    // `done` once, unless `context` is gone by then. A body is sent unless it is null.
    void call(const QString& method, const QString& path, const nlohmann::json& body, QObject* context, Done done);
    void get(const QString& path, QObject* context, Done done) {
        call(QStringLiteral("GET"), path, nullptr, context, std::move(done));
    }
    // For answers that are due when something changes.
    void waitFor(const QString& path, std::chrono::milliseconds patience, QObject* context, Done done);
    // Bytes as they are.
    void put(const QString& path, const QByteArray& body, QObject* context, Done done);
    // An answer without an end: each line as it comes, unless `context` is gone; `ended` once, with what was said instead or why it is over.
    void follow(const QString& path, QObject* context, std::function<void(const nlohmann::json&)> line, Done ended);
    // Calls that were made and have no answer yet, those of waitFor() not counted.
    [[nodiscard]] int inFlight() const { return m_inFlight; }

private:
    void send(net::HttpCall call, QObject* context, Done done);
    // For the network's thread: brings an answer to this one.
    [[nodiscard]] std::function<void(const net::HttpAnswer&)> bringing(const net::HttpTarget& from, QObject* context,
                                                                       Done done);
    struct Network;
    std::unique_ptr<Network> m_network;
    Route m_route;
    int m_inFlight = 0;
};

// Reading what may be missing: the answerer may be of another version.
[[nodiscard]] QString textAt(const nlohmann::json& object, const char* name);
[[nodiscard]] nlohmann::json at(const nlohmann::json& object, std::initializer_list<const char*> path);
// For a path or query: "a b" → "a%20b".
[[nodiscard]] QString encoded(const QString& text);

}  // namespace netpas::ui
