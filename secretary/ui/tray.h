// The tray icon, where the desktop has a tray: how many questions wait, and the few things that are wanted without the window. GUI's thread.
#pragma once

#include <QObject>

class QAction;
class QMenu;
class QSystemTrayIcon;

namespace netpas::ui {

class Desk;

class Tray final : public QObject {
    Q_OBJECT

public:
    explicit Tray(Desk& desk, QObject* parent);
    ~Tray() override;

    // Whether a window that is closed can be found again: the user wants it there, and there is an icon to click on.
    [[nodiscard]] bool keepsWindow() const;

signals:
    void opened();  // the window is wanted
    void questionsWanted();
    void pauseWanted();
    void quitWanted();
    void lost();  // the tray is gone; who hid in it has to come out

private:
    void showState();

    Desk& m_desk;
    QMenu* m_menu;
    QAction *m_questions, *m_pause;
    QSystemTrayIcon* m_icon;
    int m_shown = -1;  // what the icon was painted for
};

}  // namespace netpas::ui
