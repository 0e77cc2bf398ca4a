#include "secretary/ui/prompter.h"

#include <QApplication>
#include <QWidget>

#include "secretary/ui/desk.h"
#include "secretary/ui/notifier.h"
#include "secretary/ui/prompt_dialog.h"

namespace netpas::ui {

using nlohmann::json;

Prompter::Prompter(Desk& desk, QWidget* window)
    : QObject(window), m_desk(desk), m_dialog(new PromptDialog(window)), m_notifier(new Notifier(this)) {
    connect(m_dialog, &PromptDialog::answered, this, &Prompter::send);
    connect(m_notifier, &Notifier::answered, this, &Prompter::send);
    connect(m_notifier, &Notifier::opened, this, &Prompter::showQuestion);
    connect(&desk, &Desk::boardChanged, this, &Prompter::showBoard);
}

json Prompter::question(qulonglong id) const {
    for (const json& one : at(m_desk.board(), {"pending"})) {
        if (textAt(one, "id").toULongLong() == id) return one;
    }
    return nullptr;
}

void Prompter::showQuestion(qulonglong id) {
    m_wanted = id;
    const json one = question(id);
    if (one.is_null()) return;
    showDialog(one);
    m_dialog->raise();
    m_dialog->activateWindow();
}

void Prompter::showDialog(const json& question) {
    m_notifier->withdraw();
    m_dialog->setQuestion(question);
    m_dialog->show();
}

// Answered elsewhere, expired, or taken back: the dialog goes, and no click lands on another question. A notification comes before the
// dialog, unless somebody looks at this program anyway.
void Prompter::showBoard() {
    const json wanted = question(m_wanted);
    if (!wanted.is_null()) return showDialog(wanted);
    m_wanted = 0;
    const json one = question(textAt(m_desk.board(), "visible").toULongLong());
    if (one.is_null()) {
        m_notifier->withdraw();
        return m_dialog->hide();
    }
    const bool looking = m_dialog->isVisible() || QApplication::activeWindow() != nullptr;
    if (!looking && m_notifier->show(one)) return;
    showDialog(one);
}

void Prompter::send(qulonglong id, const json& answer) {
    json body = answer;
    body["front_end"] = m_desk.frontEnd().toStdString();
    m_desk.link().call("POST", "/v1/pending/" + QString::number(id), body, this, [this, id](const ApiReply& reply) {
        if (!reply.ok()) {
            // Answered by a notification: what stands in the way is said where the question is.
            if (!m_dialog->isVisible()) showQuestion(id);
            return m_dialog->showTrouble(reply.message(), reply.hint());
        }
        if (m_wanted == id) m_wanted = 0;
        if (m_dialog->id() == id) m_dialog->hide();
        m_desk.refresh();
    });
}

}  // namespace netpas::ui
