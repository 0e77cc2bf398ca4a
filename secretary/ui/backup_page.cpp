#include "secretary/ui/backup_page.h"

#include <QDateTime>
#include <QFileDialog>
#include <QGroupBox>
#include <QHBoxLayout>
#include <QInputDialog>
#include <QLabel>
#include <QLocale>
#include <QMessageBox>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

#include "secretary/ui/backup_transfer.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/parts.h"
#include "secretary/ui/secret_dialog.h"
#include "secretary/ui/words_dialog.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

QString refusalText(const ApiReply& reply) {
    return reply.hint().isEmpty() ? reply.message() : reply.message() + u'\n' + reply.hint();
}

}  // namespace

BackupPage::BackupPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    const auto group = [&](const QString& title, const QString& text) {
        auto* const box = new QGroupBox(title);
        auto* const layout = new QVBoxLayout(box);
        auto* const label = new QLabel(text);
        label->setWordWrap(true);
        layout->addWidget(label);
        auto* const buttons = new QHBoxLayout;
        layout->addLayout(buttons);
        all->addWidget(box);
        return buttons;
    };
    QHBoxLayout* const file = group(
        tr("A backup file restores what you decided and what happened"),
        tr("Rules, contacts, budgets, agreements, what was learnt, the history, and payments that are not settled yet. "
           "It is sealed with a passphrase of its own. Your identity is in it only if you ask for that."));
    m_make = addButton(file, "makeBackup", tr("&Make a backup…"));
    m_restore = addButton(file, "restoreBackup", tr("&Restore a backup…"));
    file->addStretch();
    QHBoxLayout* const words =
        group(tr("Recovery words restore who you are"),
              tr("By your identity your ISP knows its customer, and payees know you. The words, on paper, bring it "
                 "back on any "
                 "machine, and nothing else: no rules, no history, no money. Whoever reads them can be you."));
    m_words = addButton(words, "showWords", tr("&Show recovery words…"));
    m_fromWords = addButton(words, "restoreWords", tr("Restore the &identity from words…"));
    words->addStretch();
    auto* const line = new QHBoxLayout;
    m_progress = new QProgressBar;
    m_progress->setAccessibleName(tr("progress"));
    line->addWidget(m_progress, 1);
    m_cancel = addButton(line, "cancel", tr("&Cancel"));
    all->addLayout(line);
    m_progress->hide();
    m_cancel->hide();
    m_said = makeLabel("said");
    m_said->setTextInteractionFlags(Qt::TextSelectableByMouse);
    all->addWidget(m_said);
    all->addStretch();
    connect(m_make, &QPushButton::clicked, this, &BackupPage::makeBackup);
    connect(m_restore, &QPushButton::clicked, this, &BackupPage::restoreBackup);
    connect(m_words, &QPushButton::clicked, this, &BackupPage::askWords);
    connect(m_fromWords, &QPushButton::clicked, this, &BackupPage::typeWords);
    connect(&desk, &Desk::standingChanged, this, &BackupPage::showState);
    showState();
}

void BackupPage::showState() {
    const bool idle = !m_progress->isVisibleTo(this);
    for (QPushButton* const one : {m_make, m_restore, m_words, m_fromWords}) one->setEnabled(idle && m_desk.isOwner());
    if (m_desk.standing().is_object() && !m_desk.isOwner()) {
        m_said->setText(
            tr("Only the owner may do this, and where the secretary runs: secrets are told to nobody in between."));
    }
}

void BackupPage::begin(BackupTransfer* transfer) {
    m_progress->setRange(0, 0);
    m_progress->show();
    m_cancel->show();
    m_cancel->setEnabled(true);
    m_said->clear();
    showState();
    connect(m_cancel, &QPushButton::clicked, transfer, &BackupTransfer::cancel);
    connect(transfer, &BackupTransfer::progressed, this, [this](qint64 done, qint64 of) {
        constexpr qint64 steps = 1000;
        m_progress->setRange(0, of > 0 ? steps : 0);
        m_progress->setValue(of > 0 ? static_cast<int>(done * steps / of) : 0);
    });
    connect(transfer, &BackupTransfer::pastCancelling, this, [this] { m_cancel->setEnabled(false); });
    connect(transfer, &BackupTransfer::failed, this, &BackupPage::end);
    connect(transfer, &BackupTransfer::cancelled, this, [this] { end(tr("Cancelled: nothing was changed.")); });
}

void BackupPage::end(const QString& said) {
    m_progress->hide();
    m_cancel->hide();
    m_said->setText(said);
    showState();
}

void BackupPage::makeBackup() {
    auto* const dialog =
        new SecretDialog(tr("Make a backup"),
                         tr("A passphrase for this backup. Without it nobody can restore the backup, not even you."),
                         SecretDialog::Kind::New, this);
    dialog->addChoice(tr("with my &identity: then the file and the passphrase are all that is needed to be me"));
    connect(dialog, &SecretDialog::given, this, [this, dialog](const QString& passphrase) {
        const bool withIdentity = dialog->chosen();
        const QString name = "netpas-" + QDate::currentDate().toString(Qt::ISODate) + ".backup";
        auto* const files = new QFileDialog(this, tr("Make a backup"), name, tr("Backups (*.backup)"));
        files->setObjectName("backupFile");
        files->setAttribute(Qt::WA_DeleteOnClose);
        files->setAcceptMode(QFileDialog::AcceptSave);
        files->setDefaultSuffix("backup");
        connect(files, &QFileDialog::fileSelected, this, [this, passphrase, withIdentity](const QString& file) {
            auto* const transfer = new BackupDownload(m_desk.link(), this);
            begin(transfer);
            connect(transfer, &BackupDownload::done, this, [this](const QString& made, bool identity) {
                end(identity
                        ? tr("%1 is written. Your identity is in it.").arg(made)
                        : tr("%1 is written. Your identity is not in it: the recovery words restore that.").arg(made));
            });
            transfer->start(file, passphrase, withIdentity);
        });
        files->open();
    });
    dialog->open();
}

void BackupPage::confirm(const QString& what, std::function<void()> then) {
    auto* const box = new QMessageBox(QMessageBox::Warning, tr("Restore"), what, QMessageBox::NoButton, this);
    box->setObjectName("replace");
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setTextFormat(Qt::PlainText);
    const auto* const yes = box->addButton(tr("&Replace it"), QMessageBox::DestructiveRole);
    box->setDefaultButton(box->addButton(QMessageBox::Cancel));
    connect(box, &QMessageBox::buttonClicked, this, [yes, then = std::move(then)](const QAbstractButton* pressed) {
        if (pressed == yes) then();
    });
    box->open();
}

void BackupPage::restoreBackup() {
    auto* const files = new QFileDialog(this, tr("Restore a backup"), {}, tr("Backups (*.backup);;All files (*)"));
    files->setObjectName("backupFile");
    files->setAttribute(Qt::WA_DeleteOnClose);
    files->setFileMode(QFileDialog::ExistingFile);
    connect(files, &QFileDialog::fileSelected, this, [this](const QString& file) {
        auto* const dialog = new SecretDialog(tr("Restore a backup"), tr("The passphrase of this backup:"),
                                              SecretDialog::Kind::Known, this);
        connect(dialog, &SecretDialog::given, this,
                [this, file](const QString& passphrase) { upload(file, passphrase, false); });
        dialog->open();
    });
    files->open();
}

// First as if nothing were here: what is here is replaced only when that is said.
void BackupPage::upload(const QString& file, const QString& passphrase, bool force) {
    auto* const transfer = new BackupUpload(m_desk.link(), this);
    begin(transfer);
    connect(transfer, &BackupUpload::done, this, &BackupPage::restored);
    connect(transfer, &BackupUpload::occupied, this, [this, file, passphrase](const QString& why) {
        end(tr("Nothing was changed."));
        confirm(why + u'\n' + tr("Shall what is here now be replaced by the backup?"),
                [this, file, passphrase] { upload(file, passphrase, true); });
    });
    transfer->start(file, passphrase, force);
}

void BackupPage::restored(const json& plan) {
    const auto made = QDateTime::fromString(textAt(plan, "made"), Qt::ISODateWithMs).toLocalTime();
    QStringList said{tr("The state of %1 is restored.").arg(QLocale().toString(made, QLocale::ShortFormat)),
                     tr("%n purchases", nullptr, textAt(plan, "purchases").toInt()) + QStringLiteral(", ") +
                         tr("%n of them were not settled then: the ISP is asked about them before anything else.",
                            nullptr, textAt(plan, "unsettled").toInt())};
    const QString identity = textAt(plan, "identity");
    if (identity == QLatin1String("kept")) said << tr("The identity is the one that was here.");
    if (identity == QLatin1String("new"))
        said << tr("The identity is a new one; another comes back from its recovery words.");
    end(said.join(u'\n'));
    m_desk.refresh();
}

void BackupPage::askWords() {
    auto* const dialog = new SecretDialog(
        tr("Recovery words"), tr("The words are shown once your passphrase has been given. Nobody should look on."),
        SecretDialog::Kind::Known, this);
    connect(dialog, &SecretDialog::given, this, [this](const QString& passphrase) {
        m_desk.link().call("POST", "/v1/recovery-words", {{"passphrase", passphrase.toStdString()}}, this,
                           [this](const ApiReply& reply) {
                               if (!reply.ok()) return end(refusalText(reply));
                               end({});
                               showWords(textAt(reply.body, "words"), this);
                           });
    });
    dialog->open();
}

void BackupPage::typeWords() {
    auto* const dialog = new QInputDialog(this);
    dialog->setObjectName("typeWords");
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("Restore the identity"));
    dialog->setLabelText(tr("The recovery words, in their order:"));
    dialog->setOption(QInputDialog::UsePlainTextEditForTextInput);
    connect(dialog, &QInputDialog::textValueSelected, this,
            [this](const QString& text) { restoreWords(text.simplified().toLower(), false); });
    dialog->open();
}

void BackupPage::restoreWords(const QString& words, bool force) {
    m_desk.link().call("PUT", "/v1/identity", {{"words", words.toStdString()}, {"force", force}}, this,
                       [this, words, force](const ApiReply& reply) {
                           if (reply.ok()) {
                               end(tr("The identity is restored. Rules, contacts and history come from a backup."));
                               return m_desk.refresh();
                           }
                           end(refusalText(reply));
                           if (force || reply.status != 409) return;
                           confirm(reply.message() + u'\n' + tr("Shall the identity that is here now be replaced?"),
                                   [this, words] { restoreWords(words, true); });
                       });
}

}  // namespace netpas::ui
