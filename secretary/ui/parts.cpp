#include "secretary/ui/parts.h"

#include <QLabel>
#include <QLayout>
#include <QPushButton>
#include <QTableWidget>

#include "secretary/ui/table.h"

namespace netpas::ui {

QLabel* makeLabel(const char* name) {
    auto* const made = new QLabel;
    made->setObjectName(name);
    made->setTextFormat(Qt::PlainText);
    made->setWordWrap(true);
    return made;
}

QPushButton* addButton(QLayout* layout, const char* name, const QString& text) {
    auto* const made = new QPushButton(text);
    made->setObjectName(name);
    layout->addWidget(made);
    return made;
}

QTableWidget* makeTable(const char* name, const QString& accessible, const QStringList& head,
                        std::initializer_list<int> letters) {
    auto* const made = new QTableWidget(0, static_cast<int>(head.size()));
    made->setObjectName(name);
    made->setAccessibleName(accessible);
    made->setHorizontalHeaderLabels(head);
    dress(*made, letters);
    made->setSelectionMode(QAbstractItemView::SingleSelection);
    return made;
}

}  // namespace netpas::ui
