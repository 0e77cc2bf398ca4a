#include "secretary/ui/screenshots.h"

#include <QApplication>
#include <QImage>
#include <QStyleFactory>
#include <QTimer>

#include "secretary/ui/colours.h"
#include "secretary/ui/main_window.h"

namespace netpas::ui {

namespace {

// A page asks for what it shows when it is shown.
constexpr std::chrono::milliseconds settle{700};

}  // namespace

Screenshots::Screenshots(MainWindow& window, QString folder, std::function<void(const QString&)> done)
    : QObject(&window), m_window(window), m_folder(std::move(folder)), m_done(std::move(done)) {
    QApplication::setStyle(QStyleFactory::create("Fusion"));
    QApplication::setPalette(lightPalette());
    next();
}

bool Screenshots::save(QWidget& widget, const QString& name) {
    for (const int scale : {1, 2}) {
        QImage image(widget.size() * scale, QImage::Format_RGB32);
        image.setDevicePixelRatio(scale);
        widget.render(&image);
        const QString file = QStringLiteral("%1/%2-%3-%4.png")
                                 .arg(m_folder, name, m_dark ? "dark" : "light", QString::number(scale * 100));
        if (!image.save(file)) {
            m_done(tr("%1 cannot be written").arg(file));
            return false;
        }
    }
    return true;
}

void Screenshots::next() {
    const QStringList names = m_window.pageNames();
    if (m_page >= 0) {
        const QString name = QString::number(m_page + 1) + u'-' + names[m_page].section(u' ', 0, 0).toLower();
        if (!save(m_window, name)) return;
        for (QWidget* const top : QApplication::topLevelWidgets()) {
            const bool dialog = top != &m_window && top->isVisible() && !top->objectName().isEmpty();
            if (dialog && m_page == 0 && !save(*top, "dialog-" + top->objectName())) return;
        }
    }
    if (++m_page == names.size()) {
        if (m_dark) return m_done({});
        m_dark = true;
        m_page = 0;
        QApplication::setPalette(darkPalette());
    }
    m_window.showPage(m_page);
    QTimer::singleShot(settle, this, &Screenshots::next);
}

}  // namespace netpas::ui
