// Everything that was ever bought, newest first, page by page. Made for 100,000 rows. GUI's thread.
#pragma once

#include <QAbstractTableModel>
#include <QDateTime>
#include <vector>

#include "core/money.h"
#include "secretary/ui/api_link.h"

namespace netpas::ui {

class PaymentsModel final : public QAbstractTableModel {
    Q_OBJECT

public:
    enum Column { When, App, What, To, State, Charged, Why, Label, ColumnCount };
    static constexpr int searchRole = Qt::UserRole;    // all words of a row, in lower case
    static constexpr int sortRole = Qt::UserRole + 1;  // what a column is sorted by
    static constexpr int idRole = Qt::UserRole + 2;
    static constexpr int moneyRole = Qt::UserRole + 3;  // eighths of nanodollars, charged

    explicit PaymentsModel(ApiLink& link, QObject* parent = nullptr);

    // What is new and what has changed since; everything, page by page, the first time. Rows stay where they are.
    void refresh();
    [[nodiscard]] bool isLoading() const { return m_loading; }
    [[nodiscard]] const QString& trouble() const { return m_trouble; }
    void setLabel(const QModelIndex& index, const QString& label);

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

signals:
    void loaded();  // a page, or the end with a trouble

private:
    struct Row {
        qulonglong id = 0;
        QDateTime when;
        QString app, what, to, state, why, label, search;
        std::optional<Money> charged;
        bool refused = false;
        friend bool operator==(const Row&, const Row&) = default;
    };
    static Row rowFrom(const nlohmann::json& entry);
    static QString searchText(const Row& row);
    void askPage(const QString& before);
    void merge(std::vector<Row> newest);
    void fail(const ApiReply& reply);
    [[nodiscard]] std::vector<Row>::iterator find(qulonglong id);
    [[nodiscard]] QString shown(const Row& row, int column) const;

    ApiLink& m_link;
    std::vector<Row> m_rows;  // newest first
    bool m_loading = false;
    bool m_complete = false;  // down to the oldest
    QString m_trouble;
};

}  // namespace netpas::ui
