// One question: who asks, what for, what it costs, and the answers (UX: "The decision"). Declining is the safe button and has the focus. GUI's
// thread.
#pragma once

#include <QDialog>
#include <QTimer>
#include <nlohmann/json.hpp>

class QLabel;
class QPushButton;
class QTableWidget;

namespace netpas::ui {

class RuleSentence;

class PromptDialog final : public QDialog {
    Q_OBJECT

public:
    explicit PromptDialog(QWidget* parent = nullptr);

    // Of /v1/pending. Approving stays disabled for 750 ms after any change, so that no click lands on what was not read.
    void setQuestion(const nlohmann::json& question);
    [[nodiscard]] qulonglong id() const { return m_id; }
    void showTrouble(const QString& message, const QString& hint);

signals:
    // POST /v1/pending/ID, without front_end.
    void answered(qulonglong id, const nlohmann::json& answer);

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void reject() override;  // Esc and the window's own button: not now

private:
    void guard();
    void give(const char* verdict, bool withRule);
    void showCost(const nlohmann::json& question);
    void showWho(const nlohmann::json& question);

    qulonglong m_id = 0;
    nlohmann::json m_question;
    QLabel *m_who, *m_verified, *m_what, *m_facts, *m_cost, *m_budget, *m_trouble;
    QTableWidget* m_tiers;
    RuleSentence* m_sentence;
    QPushButton *m_notNow, *m_once, *m_rule, *m_never;
    QWidget* m_ruleArea;
    QTimer m_guard;
};

}  // namespace netpas::ui
