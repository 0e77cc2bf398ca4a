#include "secretary/ui/main_window.h"

#include <QCloseEvent>
#include <QEvent>
#include <QHBoxLayout>
#include <QInputDialog>
#include <QKeySequence>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QSettings>
#include <QShortcut>
#include <QStackedWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "secretary/ui/accessible_plots.h"
#include "secretary/ui/agreements_page.h"
#include "secretary/ui/backup_page.h"
#include "secretary/ui/colours.h"
#include "secretary/ui/contacts_page.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/mark.h"
#include "secretary/ui/overview_page.h"
#include "secretary/ui/paths_page.h"
#include "secretary/ui/payments_page.h"
#include "secretary/ui/prompter.h"
#include "secretary/ui/prompts_page.h"
#include "secretary/ui/rules_page.h"
#include "secretary/ui/said.h"
#include "secretary/ui/settings_page.h"
#include "secretary/ui/setup_dialog.h"
#include "secretary/ui/tray.h"

namespace netpas::ui {

MainWindow::MainWindow(Desk& desk, QWidget* parent) : QMainWindow(parent), m_desk(desk) {
    makePlotsAccessible();
    setWindowTitle(tr("NetPaS"));
    auto* const middle = new QWidget;
    auto* const all = new QVBoxLayout(middle);
    m_banner = new QWidget;
    m_banner->setObjectName("banner");
    auto* const banner = new QHBoxLayout(m_banner);
    m_trouble = new QLabel;
    m_trouble->setObjectName("trouble");
    m_trouble->setWordWrap(true);
    m_trouble->setTextFormat(Qt::PlainText);
    banner->addWidget(m_trouble, 1);
    m_unlock = new QPushButton(tr("&Unlock…"));
    m_unlock->setObjectName("unlock");
    banner->addWidget(m_unlock);
    all->addWidget(m_banner);
    auto* const body = new QHBoxLayout;
    m_list = new QListWidget;
    m_list->setObjectName("pages");
    m_list->setAccessibleName(tr("pages"));
    m_list->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Expanding);
    auto* const side = new QVBoxLayout;
    side->addWidget(m_list, 1);
    m_pause = new QPushButton;
    m_pause->setObjectName("pause");
    side->addWidget(m_pause);
    body->addLayout(side);
    m_pages = new QStackedWidget;
    body->addWidget(m_pages, 1);
    all->addLayout(body, 1);
    setCentralWidget(middle);
    m_prompter = std::make_unique<Prompter>(desk, this);
    auto* const overview = addPage<OverviewPage>(tr("Overview"));
    connect(overview, &OverviewPage::setupWanted, this, &MainWindow::setUp);
    m_questions = m_list->count();
    auto* const prompts = addPage<PromptsPage>(tr("Questions"));
    addPage<PaymentsPage>(tr("Payments"));
    addPage<RulesPage>(tr("Rules"));
    m_paths = addPage<PathsPage>(tr("Ways and offers"));
    addPage<AgreementsPage>(tr("Neighbours"));
    addPage<ContactsPage>(tr("Contacts and payees"));
    addPage<BackupPage>(tr("Backup"));
    auto* const settings = addPage<SettingsPage>(tr("Settings"));
    connect(settings, &SettingsPage::themeWanted, this, &MainWindow::themeWanted);
    connect(settings, &SettingsPage::languageWanted, this, &MainWindow::languageWanted);
    int widest = 0;  // with a number behind it
    for (const QString& name : pageNames()) widest = std::max(widest, fontMetrics().horizontalAdvance(name + "  (9)"));
    m_list->setFixedWidth(widest + 2 * m_list->frameWidth() + fontMetrics().averageCharWidth() * 3);
    connect(prompts, &PromptsPage::wanted, m_prompter.get(), &Prompter::showQuestion);
    connect(m_list, &QListWidget::currentRowChanged, m_pages, &QStackedWidget::setCurrentIndex);
    connect(m_unlock, &QPushButton::clicked, this, &MainWindow::unlock);
    connect(m_pause, &QPushButton::clicked, this, &MainWindow::switchPause);
    connect(&desk, &Desk::stateChanged, this, &MainWindow::showState);
    connect(&desk, &Desk::standingChanged, this, &MainWindow::showState);
    connect(&desk, &Desk::boardChanged, this, &MainWindow::showState);
    connect(&desk, &Desk::budgetsChanged, this, &MainWindow::setUpAtFirst);
    auto* const quit = new QShortcut(QKeySequence::Quit, this);
    connect(quit, &QShortcut::activated, this, &MainWindow::quitWanted);
    addTray();
    m_list->setCurrentRow(0);
    resize(1000, 680);
    showState();
}

MainWindow::~MainWindow() = default;

template <typename Page>
Page* MainWindow::addPage(const QString& name) {
    auto* const page = new Page(m_desk);
    page->setAccessibleName(name);
    m_list->addItem(name);
    QListWidgetItem* const item = m_list->item(m_list->count() - 1);
    item->setSizeHint({0, fontMetrics().height() * 2});  // the list is as wide as its widest name
    m_pages->addWidget(page);
    return page;
}

void MainWindow::addTray() {
    setWindowIcon(mark());
    m_tray = new Tray(m_desk, this);
    connect(m_tray, &Tray::opened, this, &MainWindow::present);
    connect(m_tray, &Tray::questionsWanted, this, [this] {
        showPage(m_questions);
        present();
    });
    connect(m_tray, &Tray::pauseWanted, this, &MainWindow::switchPause);
    connect(m_tray, &Tray::quitWanted, this, &MainWindow::quitWanted);
    connect(m_tray, &Tray::lost, this, &QWidget::showMinimized);
}

void MainWindow::setUp() {
    QSettings().setValue("setUpSeen", true);
    (new SetupDialog(m_desk, this))->open();
}

// Once, and only where there is something to set up.
void MainWindow::setUpAtFirst() {
    const bool joined = at(m_desk.standing(), {"isp"}).is_object();
    if (joined || !isVisible() || m_desk.state() != Desk::State::Open || !m_desk.isOwner()) return;
    if (!QSettings().value("setUpSeen", false).toBool()) setUp();
}

void MainWindow::present() {
    isMinimized() ? showNormal() : show();
    raise();
    activateWindow();
}

QStringList MainWindow::pageNames() const {
    QStringList names;
    for (int i = 0; i < m_list->count(); ++i) names << m_list->item(i)->text();
    return names;
}

QWidget* MainWindow::page(int index) const { return m_pages->widget(index); }

int MainWindow::currentPage() const { return m_list->currentRow(); }

void MainWindow::showPage(int index) { m_list->setCurrentRow(index); }

void MainWindow::showWay(const QString& to) {
    m_list->setCurrentRow(m_pages->indexOf(m_paths));
    m_paths->lookAt(to);
}

void MainWindow::showState() {
    QString text;
    switch (m_desk.state()) {
    case Desk::State::Connecting: text = tr("Looking for the secretary…"); break;
    case Desk::State::Lost:
        text = tr("%1 Until it is back everything travels best effort and nothing is spent; this window finds it again "
                  "by itself.")
                   .arg(m_desk.trouble());
        break;
    case Desk::State::Locked: text = tr("The secretary is locked: nothing is spent."); break;
    case Desk::State::Broken: text = m_desk.trouble(); break;
    case Desk::State::Open: text = said(textAt(m_desk.standing(), "alarm")); break;
    }
    const bool paused = m_desk.isPaused(), open = m_desk.state() == Desk::State::Open;
    if (!open && !m_desk.remedy().isEmpty()) text += u'\n' + tr("What helps: %1").arg(m_desk.remedy());
    if (text.isEmpty() && paused) text = tr("Spending is paused: everything is best effort.");
    m_trouble->setText(text);
    QPalette colours = palette();
    colours.setColor(QPalette::WindowText, warningColour(palette()));
    m_trouble->setPalette(colours);
    m_banner->setVisible(!text.isEmpty());
    m_unlock->setVisible(m_desk.state() == Desk::State::Locked && m_desk.isOwner());
    m_pause->setVisible(m_desk.isOwner());
    m_pause->setEnabled(open);
    m_pause->setText(paused ? tr("&Go on spending") : tr("&Pause spending"));
    // A ledger that cannot be used is replaced by a backup.
    m_pages->setEnabled(open || m_desk.state() == Desk::State::Broken);
    const int waiting = m_desk.questions();
    m_list->item(m_questions)->setText(waiting == 0 ? tr("Questions") : tr("Questions (%1)").arg(waiting));
}

void MainWindow::switchPause() {
    const char* const mode = m_desk.isPaused() ? "ask" : "pause";
    m_desk.link().call("PUT", "/v1/mode", {{"mode", mode}}, this, [this](const ApiReply& reply) {
        if (!reply.ok()) m_trouble->setText(reply.message());
        m_desk.refresh();
    });
}

void MainWindow::unlock() {
    auto* const dialog = new QInputDialog(this);
    dialog->setObjectName("passphrase");
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("Unlock"));
    dialog->setLabelText(tr("Passphrase of the secretary:"));
    dialog->setTextEchoMode(QLineEdit::Password);
    connect(dialog, &QInputDialog::textValueSelected, this, [this](const QString& text) {
        m_desk.link().call("POST", "/v1/unlock", {{"passphrase", text.toStdString()}}, this,
                           [this](const ApiReply& reply) {
                               if (!reply.ok()) m_trouble->setText(reply.message() + u'\n' + reply.hint());
                               m_desk.refresh();
                           });
    });
    dialog->open();
}

void MainWindow::changeEvent(QEvent* event) {
    if (event->type() == QEvent::PaletteChange) showState();
    QMainWindow::changeEvent(event);
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (m_tray->keepsWindow()) {
        event->ignore();
        return hide();
    }
    QMainWindow::closeEvent(event);
    emit quitWanted();
}

}  // namespace netpas::ui
