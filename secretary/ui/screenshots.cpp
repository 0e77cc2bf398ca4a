#include "secretary/ui/screenshots.h"

#include <QAbstractItemView>
#include <QApplication>
#include <QDialog>
#include <QFile>
#include <QFileDialog>
#include <QImage>
#include <QLocale>
#include <QPointer>
#include <QPushButton>
#include <QStyleFactory>
#include <algorithm>

#include "secretary/ui/colours.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/live_plot.h"
#include "secretary/ui/look_check.h"
#include "secretary/ui/main_window.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds lookEvery{50};
// A page asks for what it shows when it is shown. What takes longer is shown as it is then.
constexpr qint64 settledAfter = 350;
constexpr qint64 settledAtLast = 1200;
// Before the first picture: that there is an answer.
constexpr qint64 connectedAtLast = 4000;
// Where curves are shown, which is on the first page: that there is a first point, and that they have a shape.
constexpr qint64 firstPointAtLast = 2500;
constexpr qint64 curvesAtLast = 30000;

// Of its class, so that it is the same in every language: "overview".
QString nameOfPage(const QWidget& page) {
    QString name = QString::fromLatin1(page.metaObject()->className()).section(u':', -1);
    if (name.endsWith(QLatin1String("Page"))) name.chop(4);
    return name.toLower();
}

QList<QWidget*> openDialogs(const QWidget& window) {
    QList<QWidget*> dialogs;
    for (QWidget* const top : QApplication::topLevelWidgets()) {
        if (top != &window && top->isVisible() && qobject_cast<QDialog*>(top) != nullptr) dialogs << top;
    }
    return dialogs;
}

}  // namespace

Screenshots::Screenshots(MainWindow& window, Desk& desk, QString folder, std::function<void(const QString&)> done)
    : QObject(&window), m_window(window), m_desk(desk), m_folder(std::move(folder)), m_done(std::move(done)) {
    QApplication::setStyle(QStyleFactory::create("Fusion"));
    m_window.showPage(0);
    wear(false);
    m_sinceStep.start();
    connect(&m_timer, &QTimer::timeout, this, &Screenshots::next);
    m_timer.start(lookEvery);
}

void Screenshots::begin() {
    for (int page = 0; page < m_window.pageNames().size(); ++page) {
        m_steps.push_back([this, page] { m_window.showPage(page); });
        for (const bool dark : {false, true}) {
            m_steps.push_back([this, dark] { wear(dark); });
            m_steps.push_back([this, page] { showPage(page); });
        }
    }
}

// One step each time that nothing more is awaited.
void Screenshots::next() {
    const qint64 waited = m_sinceStep.elapsed();
    const bool awaited = m_desk.link().inFlight() > 0;
    if (!awaited) m_silent = false;
    if (!m_begun) {
        const bool connected = m_desk.state() != Desk::State::Connecting && m_desk.state() != Desk::State::Lost;
        if (!connected && waited < connectedAtLast) return;
        if (waited < settledAfter) return;
        m_begun = true;
        m_sinceBegin.start();
        begin();
    } else if (waited < settledAfter || (awaited && !m_silent && waited < settledAtLast)) {
        return;
    } else if (curvesGrow(waited)) {
        return;
    }
    m_silent = awaited;  // who does not answer once is not waited for at each step
    if (m_steps.empty() || !m_trouble.isEmpty()) return finish();
    const Step step = std::move(m_steps.front());
    m_steps.pop_front();
    step();
    m_sinceStep.restart();
}

bool Screenshots::curvesGrow(qint64 waited) const {
    const QList<LivePlot*> plots = m_window.findChildren<LivePlot*>();
    if (m_sinceBegin.elapsed() > curvesAtLast) return false;
    return std::any_of(plots.begin(), plots.end(), [waited](const LivePlot* plot) {
        return plot->isVisible() && waited < (plot->isShort() ? curvesAtLast : plot->isEmpty() ? firstPointAtLast : 0);
    });
}

QString Screenshots::inThisTheme(const QString& name) const {
    return name + (m_dark ? QLatin1String("-dark") : QLatin1String("-light"));
}

void Screenshots::wear(bool dark) {
    m_dark = dark;
    QApplication::setPalette(dark ? darkPalette() : lightPalette());
}

void Screenshots::showPage(int page) {
    const QString name = QString::number(page + 1) + u'-' + nameOfPage(*m_window.page(page));
    // What can be done with a row can be done with the first.
    for (auto* const view : m_window.page(page)->findChildren<QAbstractItemView*>()) {
        if (view->isVisible() && !view->currentIndex().isValid() && view->model()->rowCount() > 0)
            view->setCurrentIndex(view->model()->index(0, 0));
    }
    shoot(m_window, name);
    shootDialogs(name);
    openFrom(m_window, name);
}

void Screenshots::shootDialogs(const QString& page) {
    for (QWidget* const dialog : openDialogs(m_window)) {
        const QString name = QStringLiteral("dialog-") + (dialog->objectName().isEmpty() ? page : dialog->objectName());
        if (m_shot.contains(inThisTheme(name))) continue;
        m_shot.insert(inThisTheme(name));
        shoot(*dialog, name);
        openFrom(*dialog, name);
    }
}

void Screenshots::openFrom(QWidget& widget, const QString& page) {
    for (QPushButton* const button : widget.findChildren<QPushButton*>()) {
        if (!button->isVisible() || !button->isEnabled() || !button->text().endsWith(u'…')) continue;
        const QString opened = inThisTheme(page + button->objectName());
        if (button->window() != widget.window() || m_opened.contains(opened)) continue;
        m_opened.insert(opened);
        m_steps.push_front([this, page, opener = QPointer<QPushButton>(button), top = QPointer<QWidget>(&widget)] {
            if (top && top != &m_window) shoot(*top, page + u'-' + (opener ? opener->objectName() : QString()));
            shootDialogs(page);
            // Hidden, not rejected: that would be an answer.
            for (QWidget* const dialog : openDialogs(m_window)) dialog->hide();
        });
        m_steps.push_front([opener = QPointer<QPushButton>(button)] {
            if (opener) opener->click();
        });
    }
}

void Screenshots::shoot(QWidget& widget, const QString& name) {
    if (qobject_cast<QFileDialog*>(&widget) != nullptr) return;  // the desktop's own
    const QStringList faults = lookFaults(widget);
    for (const int scale : {1, 2}) write(widget, name, scale, faults);
}

void Screenshots::write(QWidget& widget, const QString& name, int scale, const QStringList& faults) {
    QImage image(widget.size() * scale, QImage::Format_RGB32);
    image.setDevicePixelRatio(scale);
    widget.render(&image);
    const QString file = QStringLiteral("%1-%2.png").arg(inThisTheme(name), QString::number(scale * 100));
    if (!image.save(m_folder + u'/' + file)) m_trouble = tr("%1 cannot be written").arg(file);
    json found = json::array();
    for (const QString& fault : faults) found.push_back(fault.toStdString());
    m_pictures.push_back({{"file", file.toStdString()},
                          {"of", name.toStdString()},
                          {"theme", m_dark ? "dark" : "light"},
                          {"scale", scale * 100},
                          {"width", image.width()},
                          {"height", image.height()},
                          {"faults", std::move(found)}});
}

void Screenshots::finish() {
    m_timer.stop();
    QFile list(m_folder + QStringLiteral("/pictures.json"));
    const QSize least = m_window.minimumSizeHint();
    const json all{{"language", QLocale().name().toStdString()},
                   {"pages", m_window.pageNames().size()},
                   {"least_size", {least.width(), least.height()}},
                   {"pictures", m_pictures}};
    const QByteArray text = QByteArray::fromStdString(all.dump(1)) + '\n';
    if (!list.open(QIODevice::WriteOnly) || list.write(text) != text.size())
        m_trouble = tr("%1 cannot be written").arg(list.fileName());
    m_done(m_trouble);
}

}  // namespace netpas::ui
