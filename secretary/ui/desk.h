// What every page shows a part of: whether there is a secretary, how things stand, the questions, what runs. GUI's thread.
#pragma once

#include <QObject>
#include <QTimer>
#include <nlohmann/json.hpp>

#include "secretary/ui/api_link.h"

namespace netpas::ui {

class Desk final : public QObject {
    Q_OBJECT

public:
    enum class State { Connecting, Lost, Locked, Broken, Open };

    explicit Desk(ApiLink& link, QObject* parent = nullptr);

    [[nodiscard]] ApiLink& link() { return m_link; }
    [[nodiscard]] State state() const { return m_state; }
    // Why it is Lost or Broken, for people, and what to type.
    [[nodiscard]] const QString& trouble() const { return m_trouble; }
    [[nodiscard]] const QString& remedy() const { return m_remedy; }
    [[nodiscard]] bool isOwner() const;  // may answer, and change rules and budgets
    [[nodiscard]] const nlohmann::json& standing() const { return m_standing; }    // GET /v1/status
    [[nodiscard]] const nlohmann::json& board() const { return m_board; }          // GET /v1/pending
    [[nodiscard]] const nlohmann::json& purchases() const { return m_purchases; }  // its list
    [[nodiscard]] const nlohmann::json& budgets() const { return m_budgets; }      // GET /v1/budget
    [[nodiscard]] int questions() const;                                           // that wait for an answer
    [[nodiscard]] bool isPaused() const;
    // This window's name at the secretary, which counts windows.
    [[nodiscard]] const QString& frontEnd() const { return m_frontEnd; }

    // After something was changed.
    void refresh();

signals:
    void stateChanged();
    void standingChanged();
    void boardChanged();
    void purchasesChanged();
    void budgetsChanged();

private:
    void follow();
    void take(const nlohmann::json& event);
    void lose(const ApiReply& reply);
    void poll();
    void takeStanding(const nlohmann::json& standing);
    void takePurchases(nlohmann::json list);
    void askPurchases();
    void askBudgets();
    void waitForBoard();
    void setState(State state, const QString& trouble = {}, const QString& remedy = {});

    ApiLink& m_link;
    State m_state = State::Connecting;
    QString m_trouble, m_remedy;
    nlohmann::json m_standing, m_board, m_purchases = nlohmann::json::array(), m_budgets;
    QString m_frontEnd;
    QTimer m_retry;  // while nobody answers
    QTimer m_poll;   // where changes are not told by themselves
    QTimer m_budgetsDue;
    bool m_waiting = false;
    int m_failures = 0;
};

}  // namespace netpas::ui
