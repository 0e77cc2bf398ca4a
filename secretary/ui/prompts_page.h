// Questions that wait, and those that nobody answered in time: one click decides for next time. GUI's thread.
#pragma once

#include <QWidget>
#include <nlohmann/json.hpp>
#include <vector>

class QLabel;
class QPushButton;
class QTableWidget;

namespace netpas::ui {

class Desk;

class PromptsPage final : public QWidget {
    Q_OBJECT

public:
    explicit PromptsPage(Desk& desk, QWidget* parent = nullptr);

signals:
    void wanted(qulonglong id);  // the question's dialog

private:
    void showBoard();
    void showMeaning();
    void fill(QTableWidget* table, const std::vector<nlohmann::json>& questions);
    void dismissSelected();
    void decide(const char* verdict, const char* lifetime);
    [[nodiscard]] nlohmann::json question(qulonglong id) const;

    Desk& m_desk;
    QLabel *m_none, *m_missedTitle, *m_meaning;
    QTableWidget *m_waiting, *m_missed;
    QPushButton* m_answer;
    QWidget* m_ofMissed;
};

}  // namespace netpas::ui
