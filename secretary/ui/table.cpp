#include "secretary/ui/table.h"

#include <QHeaderView>
#include <QHelpEvent>
#include <QStyle>
#include <QTableView>
#include <QToolTip>
#include <algorithm>

namespace netpas::ui {

void dress(QTableView& table, std::initializer_list<int> letters) {
    table.setItemDelegate(new WholeTextDelegate(&table));
    table.setSelectionBehavior(QAbstractItemView::SelectRows);
    table.setEditTriggers(QAbstractItemView::NoEditTriggers);
    table.setTabKeyNavigation(false);
    table.setWordWrap(false);
    table.setShowGrid(false);
    table.setAlternatingRowColors(true);
    table.setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    QHeaderView& rows = *table.verticalHeader();
    rows.hide();
    // Nobody asks 100,000 rows for their heights.
    rows.setSectionResizeMode(QHeaderView::Fixed);
    rows.setDefaultSectionSize(table.fontMetrics().height() * 7 / 4);
    QHeaderView& head = *table.horizontalHeader();
    head.setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    head.setHighlightSections(false);
    head.setStretchLastSection(true);
    const int mark =
        head.style()->pixelMetric(QStyle::PM_HeaderMarkSize, nullptr, &head) + table.fontMetrics().height();
    int column = 0;
    for (const int width : letters) {
        const int least = head.sectionSizeHint(column) + mark;  // of what it may be sorted by
        head.resizeSection(column, std::max(width * table.fontMetrics().averageCharWidth(), least));
        ++column;
    }
}

bool WholeTextDelegate::helpEvent(QHelpEvent* event, QAbstractItemView* view, const QStyleOptionViewItem& option,
                                  const QModelIndex& index) {
    const bool cut = index.isValid() && sizeHint(option, index).width() > view->visualRect(index).width();
    if (event->type() != QEvent::ToolTip || !cut || !index.data(Qt::ToolTipRole).toString().isEmpty())
        return QStyledItemDelegate::helpEvent(event, view, option, index);
    QToolTip::showText(event->globalPos(), index.data().toString().toHtmlEscaped(), view);
    return true;
}

}  // namespace netpas::ui
