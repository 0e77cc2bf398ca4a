#include "secretary/ui/api_link.h"

#include <QPointer>
#include <QUrl>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds usualPatience{30000};
constexpr size_t mostAnswer = size_t{64} << 20;

ApiReply replyFrom(const net::HttpAnswer& answer) {
    if (!answer) return {};
    ApiReply reply{static_cast<unsigned>(answer->status), json::parse(answer->body, nullptr, false), answer->headers};
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
    send(std::move(call), context, std::move(done));
}

void ApiLink::waitFor(const QString& path, std::chrono::milliseconds patience, QObject* context, Done done) {
    net::HttpCall call;
    call.target = path.toStdString();
    call.timeout = patience;
    send(std::move(call), context, std::move(done));
}

void ApiLink::send(net::HttpCall call, QObject* context, Done done) {
    call.maxBody = mostAnswer;
    const auto answered = [self = QPointer<ApiLink>(this), context = QPointer<QObject>(context),
                           done = std::move(done)](const ApiReply& reply) {
        if (self && context) done(reply);
    };
    // The GUI's thread: this object may only be touched there, and is gone only after the network's thread.
    const auto post = [this, answered](const net::HttpAnswer& answer) {
        QMetaObject::invokeMethod(
            this, [answered, reply = replyFrom(answer)] { answered(reply); }, Qt::QueuedConnection);
    };
    boost::asio::post(m_network->io, [io = &m_network->io, target = m_route(call.target), call, post] {
        net::httpCall(*io, target, call, post);
    });
}

QString ApiReply::header(const char* name) const {
    const QLatin1String wanted(name);
    for (const net::HttpHeader& header : headers) {
        if (wanted.compare(QLatin1String(header.name.c_str()), Qt::CaseInsensitive) == 0)
            return QString::fromStdString(header.value);
    }
    return {};
}

QString ApiReply::code() const { return status == 0 ? QStringLiteral("NOT_RUNNING") : textAt(body, "code"); }
QString ApiReply::message() const {
    return status == 0 ? QObject::tr("netpasd does not answer.") : textAt(body, "message");
}
QString ApiReply::hint() const { return textAt(body, "hint"); }

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
