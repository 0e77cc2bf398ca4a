// Pictures of every page and dialog, in both themes and at both scales, of whatever the secretary says now. For the manual and for tests. GUI's
// thread.
#pragma once

#include <QObject>
#include <QString>
#include <functional>

namespace netpas::ui {

class Desk;
class MainWindow;

class Screenshots final : public QObject {
    Q_OBJECT

public:
    // Into the folder, which exists. `done` with a trouble, or empty.
    Screenshots(MainWindow& window, QString folder, std::function<void(const QString&)> done);

private:
    void next();
    [[nodiscard]] bool save(QWidget& widget, const QString& name);

    MainWindow& m_window;
    QString m_folder;
    std::function<void(const QString&)> m_done;
    int m_page = -1;
    bool m_dark = false;
};

}  // namespace netpas::ui
