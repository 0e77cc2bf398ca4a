// Shows the one question that is to be shown now, and carries its answer. GUI's thread.
#pragma once

#include <QObject>
#include <nlohmann/json.hpp>

class QWidget;

namespace netpas::ui {

class Desk;
class PromptDialog;

class Prompter final : public QObject {
    Q_OBJECT

public:
    Prompter(Desk& desk, QWidget* window);

    // One that waits in the list, or was missed.
    void showQuestion(qulonglong id);
    [[nodiscard]] PromptDialog* dialog() { return m_dialog; }

signals:
    // For a notification: a question became visible.
    void asked(const QString& title, const QString& text);

private:
    void showBoard();
    void send(qulonglong id, const nlohmann::json& answer);
    [[nodiscard]] nlohmann::json question(qulonglong id) const;

    Desk& m_desk;
    PromptDialog* m_dialog;
    qulonglong m_wanted = 0;  // by a click in the list
    qulonglong m_told = 0;
};

}  // namespace netpas::ui
