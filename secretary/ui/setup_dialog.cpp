#include "secretary/ui/setup_dialog.h"

#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QRegularExpression>
#include <QStackedWidget>
#include <QVBoxLayout>

#include "secretary/ui/desk.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/parts.h"
#include "secretary/ui/words_dialog.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

QLineEdit* secretField(QFormLayout* form, const char* name, const QString& label) {
    auto* const edit = new QLineEdit;
    edit->setObjectName(name);
    edit->setEchoMode(QLineEdit::Password);
    form->addRow(label, edit);
    return edit;
}

}  // namespace

SetupDialog::SetupDialog(Desk& desk, QWidget* parent) : QDialog(parent), m_desk(desk) {
    setObjectName("setup");
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(tr("Set up NetPaS"));
    auto* const all = new QVBoxLayout(this);
    m_pages = new QStackedWidget;
    all->addWidget(m_pages, 1);
    all->addWidget(m_said = makeLabel("said"));
    m_progress = new QProgressBar;
    m_progress->setAccessibleName(tr("progress"));
    m_progress->setTextVisible(false);
    m_progress->hide();
    all->addWidget(m_progress);
    auto* const buttons = new QHBoxLayout;
    const auto button = [&](const char* name, const QString& text) {
        auto* const made = addButton(buttons, name, text);
        made->setAutoDefault(false);
        return made;
    };
    m_cancel = button("cancel", tr("Cancel"));
    buttons->addStretch();
    m_back = button("back", tr("&Back"));
    m_skip = button("skip", tr("&Leave out"));
    m_next = button("next", tr("&Next"));
    m_next->setDefault(true);
    all->addLayout(buttons);
    addIsp();
    addProtect();
    addEnvelope();
    QVBoxLayout* const summary = addPage(tr("What will be done"), {});
    m_summary = makeLabel("summary");
    summary->insertWidget(1, m_summary);
    addWords();
    connect(m_cancel, &QPushButton::clicked, this, &SetupDialog::reject);
    connect(m_back, &QPushButton::clicked, this, &SetupDialog::back);
    connect(m_skip, &QPushButton::clicked, this, &SetupDialog::skip);
    connect(m_next, &QPushButton::clicked, this, &SetupDialog::next);
    showPage(Isp);
    resize(560, 400);
}

QVBoxLayout* SetupDialog::addPage(const QString& title, const QString& text) {
    auto* const page = new QWidget;
    auto* const layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 0);
    auto* const head = new QLabel(title);
    QFont large = head->font();
    large.setPointSizeF(large.pointSizeF() * 1.4);
    head->setFont(large);
    layout->addWidget(head);
    if (!text.isEmpty()) {
        auto* const label = new QLabel(text);
        label->setWordWrap(true);
        layout->addWidget(label);
    }
    layout->addStretch();
    page->setAccessibleName(title);
    m_pages->addWidget(page);
    return layout;
}

void SetupDialog::addIsp() {
    QVBoxLayout* const page =
        addPage(tr("Your ISP"),
                tr("Better service is bought through your ISP. It gives its customers an address for that; without one "
                   "everything stays best effort, as it is now."));
    auto* const form = new QFormLayout;
    m_url = new QLineEdit;
    m_url->setObjectName("url");
    m_url->setPlaceholderText(QStringLiteral("https://198.51.100.7:46721/#…"));
    form->addRow(tr("&Address from the ISP"), m_url);
    page->insertLayout(2, form);
    connect(m_url, &QLineEdit::textChanged, this, &SetupDialog::check);
}

void SetupDialog::addProtect() {
    QVBoxLayout* const page = addPage(
        tr("Passphrase and recovery words"),
        tr("A passphrase protects your keys and your history. From then on NetPaS starts locked, and nothing is spent "
           "until you unlock it. Recovery words for paper come with it."));
    auto* const form = new QFormLayout;
    m_passphrase = secretField(form, "passphrase", tr("&Passphrase"));
    m_again = secretField(form, "again", tr("Once &more"));
    page->insertLayout(2, form);
    connect(m_passphrase, &QLineEdit::textChanged, this, &SetupDialog::check);
    connect(m_again, &QLineEdit::textChanged, this, &SetupDialog::check);
}

void SetupDialog::addEnvelope() {
    QVBoxLayout* const page =
        addPage(tr("Envelope"),
                tr("More than this is never spent, whatever any rule says. Within it you are asked, unless a rule "
                   "or your earlier answers decide."));
    auto* const form = new QFormLayout;
    for (const json& cap : at(m_desk.budgets(), {"envelope", "proposal"})) {
        const auto amount = moneyFrom(at(cap, {"amount"}));
        if (!amount) continue;
        const bool everything = textAt(cap, "scope") == QLatin1String("everything");
        auto* const edit = new QLineEdit(moneyText(*amount, Amount::Credit));
        edit->setObjectName(everything ? "mostAMonth" : "mostUnasked");
        edit->setMaximumWidth(fontMetrics().averageCharWidth() * 14);
        form->addRow(everything ? tr("At most a &month") : tr("At most a &day without asking"), edit);
        connect(edit, &QLineEdit::textChanged, this, &SetupDialog::check);
        m_amounts.push_back(edit);
        m_proposal.push_back(cap);
    }
    page->insertLayout(2, form);
}

void SetupDialog::addWords() {
    QVBoxLayout* const words = addPage(
        tr("Recovery words"), tr("Write them on paper, in this order. They restore your identity, and so does whoever "
                                 "reads them. Everything else comes back from a backup file: see the page Backup."));
    m_words = new WordsTable;
    words->insertWidget(2, m_words);
    QVBoxLayout* const quiz = addPage(tr("From the paper"), tr("Three of them, to be sure:"));
    m_quiz = new WordsQuiz;
    quiz->insertWidget(2, m_quiz);
    connect(m_quiz, &WordsQuiz::changed, this, &SetupDialog::check);
}

void SetupDialog::showPage(int page) {
    m_pages->setCurrentIndex(page);
    const bool asks = page <= Envelope;
    m_back->setVisible(page != Isp && page != Words);
    m_skip->setVisible(asks || page == Quiz);
    m_skip->setText(page == Quiz ? tr("&Later") : tr("&Leave out"));
    m_cancel->setVisible(!m_done);
    m_next->setText(page == Summary ? tr("&Do it")
                    : page == Words ? tr("&I wrote them down")
                    : page == Quiz  ? tr("&Done")
                                    : tr("&Next"));
    m_said->clear();
    if (page == Summary) {
        QStringList lines;
        for (const Task& task : tasks()) lines << QStringLiteral("• ") + task.what;
        m_summary->setText(lines.isEmpty() ? tr("Nothing. Everything can be done later, in the settings.")
                                           : lines.join(u'\n'));
        if (lines.isEmpty()) m_next->setText(tr("&Close"));
    }
    check();
}

// Whether what is on the page can be used.
void SetupDialog::check() {
    static const QRegularExpression joinUrl(QStringLiteral("^https://\\S+/#[0-9A-Fa-f]{64}$"));
    bool good = true;
    QString said = m_said->text();
    switch (m_pages->currentIndex()) {
    case Isp:
        good = joinUrl.match(m_url->text().trimmed()).hasMatch();
        said = good || m_url->text().isEmpty() ? QString()
                                               : tr("The whole address is needed, with the 64 signs behind the #.");
        break;
    case Protect:
        good = !m_passphrase->text().isEmpty() && m_passphrase->text() == m_again->text();
        said = good || m_again->text().isEmpty() ? QString() : tr("They are not alike.");
        break;
    case Envelope:
        said.clear();
        for (const QLineEdit* const edit : m_amounts) {
            if (moneyTyped(edit->text())) continue;
            good = false;
            said = tr("\"%1\" is no amount: 5 ¢ or $2, for example.").arg(edit->text());
        }
        good = good && !m_amounts.empty();
        break;
    case Quiz: good = m_quiz->isRight(); break;
    default: break;
    }
    m_said->setText(said);
    m_next->setEnabled(good && !m_working);
    m_back->setEnabled(!m_working);
    m_cancel->setEnabled(!m_working);
}

void SetupDialog::back() { showPage(m_pages->currentIndex() - 1); }

void SetupDialog::skip() {
    switch (m_pages->currentIndex()) {
    case Isp: m_joins = false; break;
    case Protect: m_protects = false; break;
    case Envelope: m_budgets = false; break;
    default: return accept();
    }
    showPage(m_pages->currentIndex() + 1);
}

void SetupDialog::next() {
    switch (m_pages->currentIndex()) {
    case Isp: m_joins = true; break;
    case Protect: m_protects = true; break;
    case Envelope: m_budgets = true; break;
    case Summary: return work(tasks());
    case Quiz: return accept();
    default: break;
    }
    showPage(m_pages->currentIndex() + 1);
}

std::vector<SetupDialog::Task> SetupDialog::tasks() const {
    std::vector<Task> list;
    if (m_joins) {
        const QString url = m_url->text().trimmed();
        list.push_back({tr("Join the ISP at %1").arg(url.section(u'#', 0, 0)),
                        "POST",
                        "/v1/join",
                        {{"url", url.toStdString()}},
                        {}});
    }
    if (m_budgets) {
        list.push_back({tr("Set the envelope"), "POST", "/v1/budget/envelope", {{"accept", true}}, {}});
        for (size_t i = 0; i < m_amounts.size(); ++i) {
            const auto amount = moneyTyped(m_amounts[i]->text());
            if (!amount || amount == moneyFrom(at(m_proposal[i], {"amount"}))) continue;
            json body{{"scope", at(m_proposal[i], {"scope"})},
                      {"period", at(m_proposal[i], {"period"})},
                      {"amount", amount->toString()}};
            if (const QString subject = textAt(m_proposal[i], "subject"); !subject.isEmpty()) {
                body["subject"] = subject.toStdString();
            }
            list.push_back(
                {tr("… with %1 instead").arg(moneyText(*amount, Amount::Credit)), "PUT", "/v1/budget", body, {}});
        }
    }
    // Last: from then on a restart asks for it.
    if (m_protects) {
        list.push_back({tr("Protect everything with the passphrase, and show the recovery words"),
                        "PUT",
                        "/v1/passphrase",
                        {{"new", m_passphrase->text().toStdString()}},
                        {m_passphrase, m_again}});
    }
    return list;
}

void SetupDialog::work(std::vector<Task> left) {
    m_progress->setRange(0, 0);
    m_progress->setVisible(!left.empty());
    m_working = !left.empty();
    check();
    if (left.empty()) {
        m_done = true;
        m_desk.refresh();
        return m_secret.isEmpty() ? accept() : askWords();
    }
    const Task task = left.front();
    left.erase(left.begin());
    m_said->setText(task.what + u'…');
    m_desk.link().call(task.method, task.path, task.body, this, [this, task, left](const ApiReply& reply) {
        if (!reply.ok()) {
            m_working = false;
            m_progress->hide();
            check();
            return m_said->setText(reply.hint().isEmpty() ? reply.message() : reply.message() + u'\n' + reply.hint());
        }
        // What is done is not done twice when the rest is tried again.
        if (task.path == QLatin1String("/v1/join")) m_joins = false;
        if (task.path == QLatin1String("/v1/passphrase")) {
            m_secret = m_passphrase->text().toUtf8();
            m_protects = false;
        }
        if (left.empty() || !left.front().path.startsWith(QLatin1String("/v1/budget"))) {
            if (task.path.startsWith(QLatin1String("/v1/budget"))) m_budgets = false;
        }
        for (QLineEdit* const secret : task.secrets) secret->clear();
        work(left);
    });
}

void SetupDialog::askWords() {
    const json body{{"passphrase", m_secret.toStdString()}};
    m_secret.fill('\0');
    m_secret.clear();
    m_desk.link().call("POST", "/v1/recovery-words", body, this, [this](const ApiReply& reply) {
        if (!reply.ok()) {
            m_said->setText(reply.message() + u'\n' + tr("The page Backup shows the words later."));
            m_next->setText(tr("&Close"));
            disconnect(m_next, nullptr, this, nullptr);
            connect(m_next, &QPushButton::clicked, this, &QDialog::accept);
            return;
        }
        const QStringList words = textAt(reply.body, "words").split(u' ', Qt::SkipEmptyParts);
        m_words->setWords(words);
        m_quiz->setWords(words);
        showPage(Words);
    });
}

// Esc and the window's own button.
void SetupDialog::reject() {
    if (!m_working) QDialog::reject();
}

}  // namespace netpas::ui
