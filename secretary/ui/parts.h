// What pages are made of. Everything has a name, by which tests find it, and shows what it is given as it is: texts that others wrote are no markup.
// GUI's thread.
#pragma once

#include <QStringList>
#include <initializer_list>

class QLabel;
class QLayout;
class QPushButton;
class QTableWidget;

namespace netpas::ui {

[[nodiscard]] QLabel* makeLabel(const char* name);
[[nodiscard]] QPushButton* addButton(QLayout* layout, const char* name, const QString& text);
// One row of it can be chosen; `accessible`: what a screen reader calls it; `letters` as dress() has them.
[[nodiscard]] QTableWidget* makeTable(const char* name, const QString& accessible, const QStringList& head,
                                      std::initializer_list<int> letters);

}  // namespace netpas::ui
