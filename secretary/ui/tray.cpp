#include "secretary/ui/tray.h"

#include <QAction>
#include <QDBusConnection>
#include <QDBusServiceWatcher>
#include <QMenu>
#include <QSettings>
#include <QSystemTrayIcon>

#include "secretary/ui/desk.h"
#include "secretary/ui/mark.h"

namespace netpas::ui {

Tray::Tray(Desk& desk, QObject* parent)
    : QObject(parent), m_desk(desk), m_menu(new QMenu), m_icon(new QSystemTrayIcon(this)) {
    connect(m_menu->addAction(tr("&Open")), &QAction::triggered, this, &Tray::opened);
    m_questions = m_menu->addAction(QString());
    connect(m_questions, &QAction::triggered, this, &Tray::questionsWanted);
    m_pause = m_menu->addAction(QString());
    connect(m_pause, &QAction::triggered, this, &Tray::pauseWanted);
    m_menu->addSeparator();
    connect(m_menu->addAction(tr("&Quit")), &QAction::triggered, this, &Tray::quitWanted);
    m_icon->setContextMenu(m_menu);
    connect(m_icon, &QSystemTrayIcon::activated, this, [this](QSystemTrayIcon::ActivationReason reason) {
        if (reason == QSystemTrayIcon::Trigger || reason == QSystemTrayIcon::DoubleClick) emit opened();
    });
    connect(&desk, &Desk::stateChanged, this, &Tray::showState);
    connect(&desk, &Desk::standingChanged, this, &Tray::showState);
    connect(&desk, &Desk::boardChanged, this, &Tray::showState);
    auto* const trays =
        new QDBusServiceWatcher(QStringLiteral("org.kde.StatusNotifierWatcher"), QDBusConnection::sessionBus(),
                                QDBusServiceWatcher::WatchForUnregistration, this);
    connect(trays, &QDBusServiceWatcher::serviceUnregistered, this, &Tray::lost);
    showState();
    m_icon->show();
}

Tray::~Tray() { delete m_menu; }

bool Tray::keepsWindow() const {
    return QSystemTrayIcon::isSystemTrayAvailable() && m_icon->isVisible() &&
           QSettings().value("stayInTray", true).toBool();
}

void Tray::showState() {
    const int waiting = m_desk.questions();
    const bool open = m_desk.state() == Desk::State::Open;
    const bool paused = !open || m_desk.isPaused();
    QString text = tr("NetPaS");
    if (m_desk.state() == Desk::State::Locked) {
        text = tr("NetPaS is locked: nothing is spent");
    } else if (!open) {
        text = tr("NetPaS does not run: everything is best effort");
    } else if (paused) {
        text = tr("Spending is paused: everything is best effort");
    } else if (waiting > 0) {
        text = tr("%n questions wait", nullptr, waiting);
    }
    m_icon->setToolTip(text);
    m_questions->setText(tr("%n &questions…", nullptr, waiting));
    m_questions->setEnabled(waiting > 0);
    m_pause->setText(m_desk.isPaused() ? tr("&Go on spending") : tr("&Pause spending"));
    m_pause->setEnabled(open && m_desk.isOwner());
    const int painted = waiting * 2 + (paused ? 1 : 0);
    if (painted == m_shown) return;
    m_shown = painted;
    m_icon->setIcon(mark(waiting, paused));
}

}  // namespace netpas::ui
