// A question as a notification of the desktop (org.freedesktop.Notifications), with the buttons "Not now", "Approve once" and "Open". Only
// where the desktop shows buttons: elsewhere, and without a session bus, nothing is shown and the window asks by itself. GUI's thread.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <nlohmann/json.hpp>

namespace netpas::ui {

class Notifier final : public QObject {
    Q_OBJECT

public:
    explicit Notifier(QObject* parent = nullptr);

    // Whether it is shown there. Of the same question: as it is now.
    bool show(const nlohmann::json& question);
    // Decided, or not to be asked any more.
    void withdraw();

signals:
    // POST /v1/pending/ID, without front_end.
    void answered(qulonglong id, const nlohmann::json& answer);
    void opened(qulonglong id);

private slots:
    void serviceChanged(const QString& name, const QString& before, const QString& now);
    void actionInvoked(uint number, const QString& action);
    void notificationClosed(uint number, uint reason);
    void activationToken(uint number, const QString& token);

private:
    void askCapabilities();
    void send();

    bool m_hasButtons = false;
    bool m_readsMarkup = false;
    bool m_sending = false;
    bool m_stale = false;  // changed while it was being sent
    uint m_number = 0;     // the desktop's; 0: none is shown
    nlohmann::json m_question;
    nlohmann::json m_shown;  // what the buttons that can be seen are about
    QElapsedTimer m_since;   // … and for how long
};

}  // namespace netpas::ui
