#include "secretary/ui/secret_dialog.h"

#include <QCheckBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

namespace netpas::ui {

SecretDialog::SecretDialog(const QString& title, const QString& ask, Kind kind, QWidget* parent)
    : QDialog(parent), m_kind(kind) {
    setObjectName("secret");
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(title);
    auto* const all = new QVBoxLayout(this);
    auto* const text = new QLabel(ask);
    text->setWordWrap(true);
    all->addWidget(text);
    auto* const form = new QFormLayout;
    const auto field = [&](const char* name, const QString& label) {
        auto* const edit = new QLineEdit;
        edit->setObjectName(name);
        edit->setEchoMode(QLineEdit::Password);
        form->addRow(label, edit);
        connect(edit, &QLineEdit::textChanged, this, &SecretDialog::check);
        return edit;
    };
    m_first = field("passphrase", tr("&Passphrase"));
    if (kind == Kind::New) m_again = field("again", tr("Once &more"));
    all->addLayout(form);
    m_choice = new QCheckBox;
    m_choice->setObjectName("choice");
    m_choice->hide();
    all->addWidget(m_choice);
    m_said = new QLabel;
    m_said->setObjectName("said");
    m_said->setWordWrap(true);
    all->addWidget(m_said);
    auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    m_ok = buttons->button(QDialogButtonBox::Ok);
    all->addWidget(buttons);
    connect(buttons, &QDialogButtonBox::accepted, this, &SecretDialog::give);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    check();
}

void SecretDialog::addChoice(const QString& text) {
    m_choice->setText(text);
    m_choice->show();
}

bool SecretDialog::chosen() const { return m_choice->isChecked(); }

void SecretDialog::check() {
    const bool alike = m_again == nullptr || m_first->text() == m_again->text();
    m_ok->setEnabled(!m_first->text().isEmpty() && alike);
    m_said->setText(!alike && !m_again->text().isEmpty() ? tr("They are not alike.") : QString());
}

void SecretDialog::give() {
    const QString secret = m_first->text();
    m_first->clear();
    if (m_again != nullptr) m_again->clear();
    emit given(secret);
    accept();
}

}  // namespace netpas::ui
