// Everything that was ever bought: search, labels, sums, CSV. GUI's thread.
#pragma once

#include <QSaveFile>
#include <QSortFilterProxyModel>
#include <QWidget>
#include <functional>
#include <memory>

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QTableView;
class QVBoxLayout;

namespace netpas::ui {

class Desk;
class PaymentsModel;
class SpendingPlot;

// Rows that have every typed word somewhere.
class WordFilter final : public QSortFilterProxyModel {
    Q_OBJECT

public:
    using QSortFilterProxyModel::QSortFilterProxyModel;
    void setWords(const QString& text);
    // The model's rows stand newest first already, as this column says: then nothing is compared.
    void setNewestFirst(int column) { m_newestFirst = column; }

protected:
    [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    [[nodiscard]] bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

private:
    QStringList m_words;
    int m_newestFirst = -1;
};

class PaymentsPage final : public QWidget {
    Q_OBJECT

public:
    explicit PaymentsPage(Desk& desk, QWidget* parent = nullptr);

    // The same bytes as `netpas history --csv`; the file appears whole or not at all. `done` with a trouble, or empty.
    void exportTo(const QString& file, std::function<void(const QString&)> done);

protected:
    void showEvent(QShowEvent* event) override;

private:
    void addPlot(QVBoxLayout* all);
    void reload();
    void plot();
    void showSum();
    void askFile();
    void fetchCsv(const QString& before);
    void endExport(const QString& trouble);
    void editLabel(const QModelIndex& index);

    Desk& m_desk;
    PaymentsModel* m_model;
    WordFilter* m_filter;
    QTableView* m_table;
    QLineEdit* m_search;
    QLabel* m_sum;
    QComboBox* m_by;
    SpendingPlot* m_plot;
    QPushButton *m_label, *m_export;
    std::unique_ptr<QSaveFile> m_out;  // null: nothing is exported now
    std::function<void(const QString&)> m_exported;
    QString m_states;  // of what runs
};

}  // namespace netpas::ui
