// How every table here looks and behaves. GUI's thread.
#pragma once

#include <QStyledItemDelegate>
#include <initializer_list>

class QTableView;

namespace netpas::ui {

// Rows of one height, which are chosen whole; quiet lines; Tab leaves. `letters`: how wide each column is at first, in usual letters; the
// last column has what is left.
void dress(QTableView& table, std::initializer_list<int> letters);

// Of a cell that is cut, all of it is shown where the mouse points, unless the model has something better to say there.
class WholeTextDelegate final : public QStyledItemDelegate {
    Q_OBJECT

public:
    using QStyledItemDelegate::QStyledItemDelegate;
    bool helpEvent(QHelpEvent* event, QAbstractItemView* view, const QStyleOptionViewItem& option,
                   const QModelIndex& index) override;
};

}  // namespace netpas::ui
