#include "secretary/ui/prompter.h"

#include <QWidget>

#include "secretary/ui/desk.h"
#include "secretary/ui/prompt_dialog.h"

namespace netpas::ui {

using nlohmann::json;

Prompter::Prompter(Desk& desk, QWidget* window) : QObject(window), m_desk(desk), m_dialog(new PromptDialog(window)) {
    connect(m_dialog, &PromptDialog::answered, this, &Prompter::send);
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
    m_dialog->setQuestion(one);
    m_dialog->show();
    m_dialog->raise();
}

// Answered elsewhere, expired, or taken back: the dialog goes, and no click lands on another question.
void Prompter::showBoard() {
    const qulonglong visible = textAt(m_desk.board(), "visible").toULongLong();
    const qulonglong id = !question(m_wanted).is_null() ? m_wanted : visible;
    const json one = question(id);
    if (one.is_null()) {
        m_wanted = 0;
        return m_dialog->hide();
    }
    m_dialog->setQuestion(one);
    m_dialog->show();
    if (id == m_told) return;
    m_told = id;
    emit asked(m_dialog->windowTitle(), textAt(at(one, {"who"}), "name"));
}

void Prompter::send(qulonglong id, const json& answer) {
    json body = answer;
    body["front_end"] = m_desk.frontEnd().toStdString();
    m_desk.link().call("POST", "/v1/pending/" + QString::number(id), body, this, [this, id](const ApiReply& reply) {
        if (!reply.ok()) return m_dialog->showTrouble(reply.message(), reply.hint());
        if (m_wanted == id) m_wanted = 0;
        if (m_dialog->id() == id) m_dialog->hide();
        m_desk.refresh();
    });
}

}  // namespace netpas::ui
