// What is paid, asked about or refused from now on, each rule a sentence. GUI's thread.
#pragma once

#include <QAbstractTableModel>
#include <QWidget>
#include <optional>
#include <vector>

#include "core/money.h"
#include "secretary/ui/api_link.h"

class QLabel;
class QLineEdit;
class QPushButton;
class QTableView;

namespace netpas::ui {

class Desk;
class WordFilter;

class RulesModel final : public QAbstractTableModel {
    Q_OBJECT

public:
    enum Column { Sentence, State, Hits, Spent, LastUsed, ColumnCount };

    explicit RulesModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
    // False: they are those that are there.
    bool setRules(const nlohmann::json& rules);
    // As the API has it.
    [[nodiscard]] const nlohmann::json& ruleAt(const QModelIndex& index) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    struct Row {
        nlohmann::json rule;
        QString sentence, search;  // search: in lower case
        std::optional<Money> spent;
    };
    std::vector<Row> m_rows;
};

class RulesPage final : public QWidget {
    Q_OBJECT

public:
    explicit RulesPage(Desk& desk, QWidget* parent = nullptr);

protected:
    void showEvent(QShowEvent* event) override;

private:
    void reload();
    void showRules(const nlohmann::json& rules);
    void understand();
    void keep();
    void edit();
    void remove();
    void switchSelected();
    [[nodiscard]] QModelIndex selected() const;
    void say(const ApiReply& reply, const QString& good);

    Desk& m_desk;
    RulesModel* m_model;
    WordFilter* m_filter;
    QTableView* m_table;
    QLineEdit *m_search, *m_sentence;
    QLabel *m_meaning, *m_said;
    QPushButton *m_keep, *m_edit, *m_remove, *m_switch;
    nlohmann::json m_rule;  // what the sentence means
    QString m_editing;      // the id of the rule that is written anew
};

}  // namespace netpas::ui
