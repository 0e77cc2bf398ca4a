// Shows the one question that is to be shown now, as a notification or as a dialog, and carries its answer. GUI's thread.
#pragma once

#include <QObject>
#include <nlohmann/json.hpp>

class QWidget;

namespace netpas::ui {

class Desk;
class Notifier;
class PromptDialog;

class Prompter final : public QObject {
    Q_OBJECT

public:
    Prompter(Desk& desk, QWidget* window);

    // One that waits in the list, or was missed.
    void showQuestion(qulonglong id);
    [[nodiscard]] PromptDialog* dialog() { return m_dialog; }

private:
    void showBoard();
    void showDialog(const nlohmann::json& question);
    void send(qulonglong id, const nlohmann::json& answer);
    [[nodiscard]] nlohmann::json question(qulonglong id) const;

    Desk& m_desk;
    PromptDialog* m_dialog;
    Notifier* m_notifier;
    qulonglong m_wanted = 0;  // by a click in the list or on a notification
};

}  // namespace netpas::ui
