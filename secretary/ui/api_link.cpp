#include "secretary/ui/api_link.h"

#include <unistd.h>

#include <QPointer>
#include <QUrl>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "core/net/http_lines.h"
#include "secretary/ui/said.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds usualPatience{65000};
constexpr size_t mostAnswer = size_t{64} << 20;

// Why nobody answered, and what to do about it. "Not running" and "not allowed" have different remedies.
json unanswered(const net::HttpTarget& target, net::NetError error) {
    const auto trouble = [](const char* code, const QString& message, const QString& hint) -> json {
        return {{"code", code}, {"message", message.toStdString()}, {"hint", hint.toStdString()}};
    };
    const auto* const here = std::get_if<net::UnixTarget>(&target);
    const QString where = QString::fromStdString(here != nullptr ? here->socket.string()
                                                                 : std::get<net::TlsTarget>(target).server.toString());
    if (here == nullptr && error == net::NetError::Refused) {
        return trouble("UNTRUSTED",
                       ApiLink::tr("Who answers at %1 is not the agent that this machine was paired with.").arg(where),
                       QStringLiteral("netpas pair request"));
    }
    if (error != net::NetError::CannotConnect && error != net::NetError::TimedOut) {
        return trouble("AGENT_SILENT", ApiLink::tr("netpasd broke the connection off."),
                       QStringLiteral("journalctl -u netpasd"));
    }
    if (here == nullptr) {
        return trouble("NOT_RUNNING", ApiLink::tr("The agent at %1 does not answer.").arg(where),
                       ApiLink::tr("on that machine: systemctl status netpasd"));
    }
    if (::access(here->socket.c_str(), F_OK) == 0 && ::access(here->socket.c_str(), R_OK | W_OK) != 0) {
        return trouble("UNAUTHORIZED", ApiLink::tr("You may not use %1.").arg(where),
                       ApiLink::tr("sudo adduser \"$USER\" netpas, then log in again"));
    }
    return trouble("NOT_RUNNING", ApiLink::tr("netpasd is not running."),
                   QStringLiteral("sudo systemctl start netpasd"));
}

ApiReply replyFrom(const net::HttpAnswer& answer) {
    ApiReply reply{answer->status, nullptr, answer->headers};
    if (answer->contentType == "application/octet-stream") {
        reply.bytes = QByteArray::fromStdString(answer->body);
        return reply;
    }
    reply.body = json::parse(answer->body, nullptr, false);
    if (reply.body.is_discarded()) reply.body = answer->body;  // a table
    return reply;
}

}  // namespace

struct ApiLink::Network {
    boost::asio::io_context io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
    std::thread thread{[this] { io.run(); }};
};

ApiLink::ApiLink(Route route, QObject* parent)
    : QObject(parent), m_network(std::make_unique<Network>()), m_route(std::move(route)) {}

ApiLink::~ApiLink() {
    m_network->io.stop();
    m_network->thread.join();
}

void ApiLink::call(const QString& method, const QString& path, const json& body, QObject* context, Done done) {
    net::HttpCall call;
    call.method = method.toStdString();
    call.target = path.toStdString();
    call.timeout = usualPatience;
    if (!body.is_null()) {
        call.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
        call.headers.push_back({"Content-Type", "application/json"});
    }
    ++m_inFlight;
    const auto counted = [this, context = QPointer<QObject>(context), done = std::move(done)](const ApiReply& reply) {
        --m_inFlight;
        if (context) done(reply);
    };
    send(std::move(call), this, counted);
}

void ApiLink::waitFor(const QString& path, std::chrono::milliseconds patience, QObject* context, Done done) {
    net::HttpCall call;
    call.target = path.toStdString();
    call.timeout = patience;
    send(std::move(call), context, std::move(done));
}

void ApiLink::put(const QString& path, const QByteArray& body, QObject* context, Done done) {
    net::HttpCall call;
    call.method = "PUT";
    call.target = path.toStdString();
    call.timeout = usualPatience;
    call.body = body.toStdString();
    call.headers.push_back({"Content-Type", "application/octet-stream"});
    send(std::move(call), context, std::move(done));
}

std::function<void(const net::HttpAnswer&)> ApiLink::bringing(const net::HttpTarget& from, QObject* context,
                                                              Done done) {
    const auto answered = [self = QPointer<ApiLink>(this), context = QPointer<QObject>(context),
                           done = std::move(done)](const ApiReply& reply) {
        if (self && context) done(reply);
    };
    // The GUI's thread: this object may only be touched there, and is gone only after the network's thread.
    return [this, from, answered](const net::HttpAnswer& answer) {
        const auto reply = answer ? replyFrom(answer) : ApiReply{0, unanswered(from, answer.error())};
        QMetaObject::invokeMethod(
            this, [answered, reply] { answered(reply); }, Qt::QueuedConnection);
    };
}

void ApiLink::send(net::HttpCall call, QObject* context, Done done) {
    call.maxBody = mostAnswer;
    const net::HttpTarget target = m_route(call.target);
    boost::asio::post(m_network->io,
                      [io = &m_network->io, target, call, post = bringing(target, context, std::move(done))] {
                          net::httpCall(*io, target, call, post);
                      });
}

void ApiLink::follow(const QString& path, QObject* context, std::function<void(const json&)> line, Done ended) {
    net::HttpLines lines;
    lines.target = path.toStdString();
    const net::HttpTarget target = m_route(lines.target);
    lines.ended = bringing(target, context, std::move(ended));
    const auto said = [context = QPointer<QObject>(context), line = std::move(line)](const json& event) {
        if (context) line(event);
    };
    lines.line = [this, said](const std::string& text) {
        json event = json::parse(text, nullptr, false);
        if (event.is_discarded()) return;
        QMetaObject::invokeMethod(
            this, [said, event = std::move(event)] { said(event); }, Qt::QueuedConnection);
    };
    boost::asio::post(m_network->io,
                      [io = &m_network->io, target, lines = std::move(lines)] { net::httpLines(*io, target, lines); });
}

QString ApiReply::header(const char* name) const {
    const QLatin1String wanted(name);
    for (const net::HttpHeader& header : headers) {
        if (wanted.compare(QLatin1String(header.name.c_str()), Qt::CaseInsensitive) == 0)
            return QString::fromStdString(header.value);
    }
    return {};
}

QString ApiReply::code() const { return textAt(body, "code"); }
QString ApiReply::message() const { return said(textAt(body, "message")); }
QString ApiReply::hint() const { return said(textAt(body, "hint")); }

QString textAt(const json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    if (found == object.end() || found->is_null()) return {};
    return QString::fromStdString(found->is_string() ? found->get<std::string>() : found->dump());
}

json at(const json& object, std::initializer_list<const char*> path) {
    const json* value = &object;
    for (const char* name : path) {
        const auto found = value->is_object() ? value->find(name) : value->end();
        if (found == value->end()) return nullptr;
        value = &*found;
    }
    return *value;
}

QString encoded(const QString& text) { return QString::fromLatin1(QUrl::toPercentEncoding(text)); }

}  // namespace netpas::ui
