// Questions that wait, and those that nobody answered in time: one click decides for next time. GUI's thread.
#pragma once

#include <QWidget>
#include <nlohmann/json.hpp>

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
    void dismissSelected();
    [[nodiscard]] qulonglong selected() const;

    Desk& m_desk;
    QLabel* m_none;
    QTableWidget* m_table;
    QPushButton *m_answer, *m_dismiss;
};

}  // namespace netpas::ui
