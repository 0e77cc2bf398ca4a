// Pictures of every page and of the dialogs that can be opened there, in both themes and at 100 and 200 %, of whatever the secretary says now; and
// what is wrong with how they look. For the manual and for tests. GUI's thread.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QSet>
#include <QString>
#include <QTimer>
#include <deque>
#include <functional>
#include <nlohmann/json.hpp>

class QPushButton;
class QWidget;

namespace netpas::ui {

class Desk;
class MainWindow;

class Screenshots final : public QObject {
    Q_OBJECT

public:
    // Into the folder, which exists; `pictures.json` there names them, with the faults of each. `done` with a trouble, or empty.
    Screenshots(MainWindow& window, Desk& desk, QString folder, std::function<void(const QString&)> done);

private:
    using Step = std::function<void()>;
    void begin();
    void next();
    [[nodiscard]] bool curvesGrow(qint64 waited) const;
    [[nodiscard]] QString inThisTheme(const QString& name) const;
    void wear(bool dark);
    void showPage(int page);
    void shootDialogs(const QString& page);
    // Those that say by "…" that a dialog follows, and that nothing is done before.
    void openFrom(QWidget& widget, const QString& page);
    void shoot(QWidget& widget, const QString& name);
    void write(QWidget& widget, const QString& name, int scale, const QStringList& faults);
    void finish();

    MainWindow& m_window;
    Desk& m_desk;
    QString m_folder;
    std::function<void(const QString&)> m_done;
    QString m_trouble;
    std::deque<Step> m_steps;
    QTimer m_timer;
    QElapsedTimer m_sinceStep, m_sinceBegin;
    QSet<QString> m_shot;    // dialogs, in a theme
    QSet<QString> m_opened;  // buttons, in a theme
    bool m_begun = false;
    bool m_silent = false;
    bool m_dark = false;
    nlohmann::json m_pictures = nlohmann::json::array();
};

}  // namespace netpas::ui
