#include "secretary/ui/look_check.h"

#include <QAbstractItemView>
#include <QAbstractSpinBox>
#include <QCheckBox>
#include <QComboBox>
#include <QGroupBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMainWindow>
#include <QProgressBar>
#include <QPushButton>
#include <QStackedWidget>
#include <QStyle>
#include <QStyleOptionComboBox>
#include <QStyleOptionFrame>
#include <QTableView>
#include <algorithm>

#include "secretary/ui/table.h"

namespace netpas::ui {

namespace {

QString nameOf(const QWidget& widget) {
    const QString name = widget.objectName();
    return name.isEmpty() ? QString::fromLatin1(widget.metaObject()->className()).section(u':', -1) : name;
}

// Qt's own widgets place their parts as they like.
bool placesItsParts(const QWidget& widget) {
    return qobject_cast<const QAbstractScrollArea*>(&widget) != nullptr ||
           qobject_cast<const QComboBox*>(&widget) != nullptr || qobject_cast<const QLineEdit*>(&widget) != nullptr ||
           qobject_cast<const QAbstractSpinBox*>(&widget) != nullptr;
}

bool labelCut(const QLabel& label) {
    if (label.text().isEmpty()) return false;
    if (!label.wordWrap())
        return label.sizeHint().width() > label.width() || label.sizeHint().height() > label.height();
    const QRect room = label.contentsRect();
    const QRect needed =
        label.fontMetrics().boundingRect(QRect(0, 0, room.width(), 1 << 20), Qt::TextWordWrap, label.text());
    return needed.width() > room.width() || needed.height() > room.height();
}

bool comboCut(const QComboBox& box) {
    QStyleOptionComboBox option;
    option.initFrom(&box);
    option.editable = box.isEditable();
    const QRect room = box.style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, &box);
    return box.fontMetrics().horizontalAdvance(box.currentText()) > room.width();
}

// What was typed scrolls; the hint that stands there instead does not.
bool lineCut(const QLineEdit& line) {
    if (!line.text().isEmpty()) return false;
    QStyleOptionFrame option;
    option.initFrom(&line);
    option.lineWidth = line.style()->pixelMetric(QStyle::PM_DefaultFrameWidth, &option, &line);
    constexpr int inner = 2;
    const int room = line.style()->subElementRect(QStyle::SE_LineEditContents, &option, &line).width() - 2 * inner;
    return line.fontMetrics().horizontalAdvance(line.placeholderText()) > room;
}

void headerFaults(const QHeaderView& header, QStringList& faults) {
    for (int i = 0; i < header.count(); ++i) {
        if (header.isHidden() || header.isSectionHidden(i) || header.sectionSizeHint(i) <= header.sectionSize(i))
            continue;
        faults << QStringLiteral("the head of column %1 is cut").arg(i + 1);
    }
}

// A cell may be cut when pointing at it shows all of it.
void cellFaults(const QAbstractItemView& view, QStringList& faults) {
    const QAbstractItemModel* const model = view.model();
    if (model == nullptr) return;
    for (int row = 0; row < model->rowCount(); ++row) {
        for (int column = 0; column < model->columnCount(); ++column) {
            const QModelIndex index = model->index(row, column);
            const QRect cell = view.visualRect(index);
            if (cell.top() > view.viewport()->height()) return;
            if (!cell.isValid() || view.sizeHintForIndex(index).width() <= cell.width()) continue;
            const bool told = qobject_cast<const WholeTextDelegate*>(view.itemDelegate()) != nullptr;
            if (!told && index.data(Qt::ToolTipRole).toString().isEmpty())
                faults << QStringLiteral("\"%1\" is cut and has no tool tip").arg(index.data().toString());
        }
    }
}

void textFaults(const QWidget& widget, QStringList& faults) {
    const auto cut = [&](const QString& text) { faults << QStringLiteral("\"%1\" is cut").arg(text); };
    if (const auto* const label = qobject_cast<const QLabel*>(&widget)) {
        if (labelCut(*label)) cut(label->text());
    } else if (const auto* const button = qobject_cast<const QAbstractButton*>(&widget)) {
        const QSize wanted = button->sizeHint();
        if (!button->text().isEmpty() && (wanted.width() > button->width() || wanted.height() > button->height()))
            cut(button->text());
    } else if (const auto* const box = qobject_cast<const QComboBox*>(&widget)) {
        if (comboCut(*box)) cut(box->currentText());
    } else if (const auto* const line = qobject_cast<const QLineEdit*>(&widget)) {
        if (lineCut(*line)) cut(line->placeholderText());
    } else if (const auto* const group = qobject_cast<const QGroupBox*>(&widget)) {
        if (group->fontMetrics().horizontalAdvance(group->title()) > group->width()) cut(group->title());
    } else if (const auto* const bar = qobject_cast<const QProgressBar*>(&widget)) {
        if (bar->isTextVisible() && bar->fontMetrics().horizontalAdvance(bar->text()) > bar->width()) cut(bar->text());
    } else if (const auto* const view = qobject_cast<const QAbstractItemView*>(&widget)) {
        cellFaults(*view, faults);
        if (const auto* const table = qobject_cast<const QTableView*>(view))
            headerFaults(*table->horizontalHeader(), faults);
    }
}

void placeFaults(const QWidget& parent, const QList<QWidget*>& children, QStringList& faults) {
    for (qsizetype i = 0; i < children.size(); ++i) {
        const QRect place = children[i]->geometry();
        if (!parent.rect().contains(place)) faults << QStringLiteral("%1 sticks out").arg(nameOf(*children[i]));
        for (qsizetype j = i + 1; j < children.size(); ++j) {
            if (place.intersects(children[j]->geometry()))
                faults << QStringLiteral("%1 and %2 overlap").arg(nameOf(*children[i]), nameOf(*children[j]));
        }
    }
}

void look(const QWidget& widget, QStringList& faults) {
    QStringList own;
    textFaults(widget, own);
    QList<QWidget*> children;
    for (QWidget* const child : widget.findChildren<QWidget*>(Qt::FindDirectChildrenOnly)) {
        if (child->isVisible() && !child->isWindow() && !child->size().isEmpty()) children << child;
    }
    if (!placesItsParts(widget)) {
        placeFaults(widget, children, own);
        for (const QWidget* const child : children) look(*child, faults);
    } else if (const auto* const area = qobject_cast<const QAbstractScrollArea*>(&widget);
               area != nullptr && qobject_cast<const QAbstractItemView*>(area) == nullptr) {
        // What scrolls may be larger than its window.
        for (const QWidget* const child : area->viewport()->findChildren<QWidget*>(Qt::FindDirectChildrenOnly))
            if (child->isVisible()) look(*child, faults);
    }
    for (const QString& fault : own) faults << nameOf(widget) + QStringLiteral(": ") + fault;
}

}  // namespace

QStringList lookFaults(QWidget& top) {
    QStringList faults;
    look(top, faults);
    return faults;
}

}  // namespace netpas::ui
