#include "secretary/ui/notifier.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCall>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusServiceWatcher>
#include <QStringList>
#include <QVariantMap>
#include <chrono>

#include "secretary/ui/api_link.h"
#include "secretary/ui/question_text.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

const QString service = QStringLiteral("org.freedesktop.Notifications");
const QString object = QStringLiteral("/org/freedesktop/Notifications");
constexpr std::chrono::milliseconds guardTime{750};  // as in the dialog

QDBusMessage method(const char* name) {
    return QDBusMessage::createMethodCall(service, object, service, QString::fromLatin1(name));
}

}  // namespace

Notifier::Notifier(QObject* parent) : QObject(parent) {
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected()) return;
    bus.connect(service, object, service, "ActionInvoked", this, SLOT(actionInvoked(uint, QString)));
    bus.connect(service, object, service, "NotificationClosed", this, SLOT(notificationClosed(uint, uint)));
    bus.connect(service, object, service, "ActivationToken", this, SLOT(activationToken(uint, QString)));
    auto* const watcher = new QDBusServiceWatcher(service, bus, QDBusServiceWatcher::WatchForOwnerChange, this);
    connect(watcher, &QDBusServiceWatcher::serviceOwnerChanged, this, &Notifier::serviceChanged);
    askCapabilities();
}

void Notifier::askCapabilities() {
    auto* const call =
        new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(method("GetCapabilities")), this);
    connect(call, &QDBusPendingCallWatcher::finished, this, [this, call] {
        call->deleteLater();
        const QDBusPendingReply<QStringList> can = *call;
        m_hasButtons = can.isValid() && can.value().contains(QStringLiteral("actions"));
        m_readsMarkup = can.isValid() && can.value().contains(QStringLiteral("body-markup"));
    });
}

void Notifier::serviceChanged(const QString&, const QString&, const QString& now) {
    m_hasButtons = false;
    m_number = 0;
    if (!now.isEmpty()) askCapabilities();
}

bool Notifier::show(const json& question) {
    if (!m_hasButtons) return false;
    if (question == m_question) return true;
    m_question = question;
    m_stale = m_sending;
    if (!m_sending) send();
    return true;
}

void Notifier::send() {
    m_sending = true;
    const json question = m_question;
    QString body = whatItSays(question) + u'\n' + whatItCosts(question);
    // What others wrote is text, whatever it looks like.
    if (m_readsMarkup) body = body.toHtmlEscaped();
    const QStringList buttons{
        QStringLiteral("default"),      tr("Open"),         QStringLiteral("not_now"), tr("Not now"),
        QStringLiteral("approve_once"), tr("Approve once"), QStringLiteral("open"),    tr("Open")};
    constexpr uchar normal = 1;
    const QVariantMap hints{{QStringLiteral("desktop-entry"), QStringLiteral("netpas-secretary")},
                            {QStringLiteral("urgency"), QVariant::fromValue(normal)},
                            {QStringLiteral("category"), QStringLiteral("network")}};
    constexpr int untilWithdrawn = 0;
    QDBusMessage message = method("Notify");
    message << QStringLiteral("NetPaS") << m_number << QStringLiteral("netpas-secretary") << whatIsAsked(question)
            << body << buttons << hints << untilWithdrawn;
    auto* const call = new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(message), this);
    connect(call, &QDBusPendingCallWatcher::finished, this, [this, call, question] {
        call->deleteLater();
        m_sending = false;
        const QDBusPendingReply<uint> number = *call;
        m_number = number.isValid() ? number.value() : 0;
        m_shown = question;
        m_since.start();
        if (!number.isValid() && !m_question.is_null()) emit opened(textAt(m_question, "id").toULongLong());
        if (m_question.is_null()) return withdraw();
        if (m_stale) {
            m_stale = false;
            send();
        }
    });
}

void Notifier::withdraw() {
    m_question = nullptr;
    m_stale = false;
    if (m_number == 0 || m_sending) return;
    QDBusMessage message = method("CloseNotification");
    message << m_number;
    QDBusConnection::sessionBus().asyncCall(message);
    m_number = 0;
}

void Notifier::actionInvoked(uint number, const QString& action) {
    if (number != m_number || m_number == 0) return;
    const qulonglong id = textAt(m_shown, "id").toULongLong();
    // A click may land on what has only just taken the place of what was read: then the question itself is shown.
    const bool read = m_shown == m_question && m_since.hasExpired(guardTime.count());
    if (action == QLatin1String("not_now") || (action == QLatin1String("approve_once") && read)) {
        emit answered(id, {{"answer", action.toStdString()}, {"revision", at(m_shown, {"revision"})}});
    } else {
        emit opened(id);
    }
    withdraw();
}

// Wiped away: the question waits in the list.
void Notifier::notificationClosed(uint number, uint) {
    if (number == m_number) m_number = 0;
}

// The desktop's leave to come to the front, for the window that is opened next.
void Notifier::activationToken(uint number, const QString& token) {
    if (number == m_number && m_number != 0) qputenv("XDG_ACTIVATION_TOKEN", token.toUtf8());
}

}  // namespace netpas::ui
