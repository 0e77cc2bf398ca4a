#include "secretary/ui/main_window.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QInputDialog>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "secretary/ui/colours.h"
#include "secretary/ui/contacts_page.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/overview_page.h"
#include "secretary/ui/paths_page.h"
#include "secretary/ui/payments_page.h"
#include "secretary/ui/prompter.h"
#include "secretary/ui/prompts_page.h"
#include "secretary/ui/rules_page.h"
#include "secretary/ui/settings_page.h"

namespace netpas::ui {

MainWindow::MainWindow(Desk& desk, QWidget* parent) : QMainWindow(parent), m_desk(desk) {
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
    auto* const prompts = new PromptsPage(desk);
    addPage(tr("Overview"), new OverviewPage(desk));
    addPage(tr("Questions"), prompts);
    addPage(tr("Payments"), new PaymentsPage(desk));
    addPage(tr("Rules"), new RulesPage(desk));
    addPage(tr("Ways and offers"), new PathsPage(desk));
    addPage(tr("Contacts and payees"), new ContactsPage(desk));
    auto* const settings = new SettingsPage(desk);
    addPage(tr("Settings"), settings);
    connect(settings, &SettingsPage::themeWanted, this, &MainWindow::themeWanted);
    m_list->setFixedWidth(m_list->sizeHintForColumn(0) + 4 * m_list->frameWidth() +
                          fontMetrics().averageCharWidth() * 3);
    connect(prompts, &PromptsPage::wanted, m_prompter.get(), &Prompter::showQuestion);
    connect(m_list, &QListWidget::currentRowChanged, m_pages, &QStackedWidget::setCurrentIndex);
    connect(m_unlock, &QPushButton::clicked, this, &MainWindow::unlock);
    connect(m_pause, &QPushButton::clicked, this,
            [this] { setMode(textAt(m_desk.board(), "mode") == QLatin1String("pause") ? "ask" : "pause"); });
    connect(&desk, &Desk::stateChanged, this, &MainWindow::showState);
    connect(&desk, &Desk::standingChanged, this, &MainWindow::showState);
    connect(&desk, &Desk::boardChanged, this, &MainWindow::showState);
    m_list->setCurrentRow(0);
    resize(1000, 680);
    showState();
}

MainWindow::~MainWindow() = default;

void MainWindow::addPage(const QString& name, QWidget* page) {
    m_list->addItem(name);
    page->setAccessibleName(name);
    m_pages->addWidget(page);
}

QStringList MainWindow::pageNames() const {
    QStringList names;
    for (int i = 0; i < m_list->count(); ++i) names << m_list->item(i)->text();
    return names;
}

void MainWindow::showPage(int index) { m_list->setCurrentRow(index); }

void MainWindow::showState() {
    QString text;
    switch (m_desk.state()) {
    case Desk::State::Connecting: text = tr("Looking for the secretary…"); break;
    case Desk::State::Lost:
        text = tr("%1 Nothing new is bought; what is running goes on as long as it is paid for. This window "
                  "tries again by itself.")
                   .arg(m_desk.trouble());
        break;
    case Desk::State::Locked: text = tr("The secretary is locked: nothing is spent."); break;
    case Desk::State::Broken: text = m_desk.trouble(); break;
    case Desk::State::Open: text = textAt(m_desk.standing(), "alarm"); break;
    }
    const bool paused = textAt(m_desk.board(), "mode") == QLatin1String("pause");
    if (text.isEmpty() && paused) text = tr("Spending is paused: everything is best effort.");
    m_trouble->setText(text);
    QPalette colours = palette();
    colours.setColor(QPalette::WindowText, warningColour(palette()));
    m_trouble->setPalette(colours);
    m_banner->setVisible(!text.isEmpty());
    m_unlock->setVisible(m_desk.state() == Desk::State::Locked);
    m_pause->setVisible(m_desk.isOwner());
    m_pause->setEnabled(m_desk.state() == Desk::State::Open);
    m_pause->setText(paused ? tr("&Go on spending") : tr("&Pause spending"));
    m_pages->setEnabled(m_desk.state() == Desk::State::Open);
    const nlohmann::json pending = at(m_desk.board(), {"pending"});
    const auto waiting = pending.is_array() ? pending.size() : 0;
    m_list->item(1)->setText(waiting == 0 ? tr("Questions") : tr("Questions (%1)").arg(waiting));
}

void MainWindow::setMode(const char* mode) {
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
                               if (!reply.ok()) m_trouble->setText(reply.message());
                               m_desk.refresh();
                           });
    });
    dialog->open();
}

void MainWindow::changeEvent(QEvent* event) {
    if (event->type() == QEvent::WindowStateChange) m_desk.setWatched(isVisible() && !isMinimized());
    if (event->type() == QEvent::PaletteChange) showState();
    QMainWindow::changeEvent(event);
}
void MainWindow::showEvent(QShowEvent*) { m_desk.setWatched(true); }
void MainWindow::hideEvent(QHideEvent*) { m_desk.setWatched(false); }

}  // namespace netpas::ui
