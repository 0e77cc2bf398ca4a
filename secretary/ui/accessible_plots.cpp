#include "secretary/ui/accessible_plots.h"

#include <QAccessibleWidget>
#include <QWidget>

namespace netpas::ui {

namespace {

QAccessibleInterface* plotInterface(const QString& className, QObject* object) {
    const bool plot = className.startsWith(QLatin1String("netpas::ui::")) && className.endsWith(QLatin1String("Plot"));
    auto* const widget = plot ? qobject_cast<QWidget*>(object) : nullptr;
    return widget != nullptr ? new QAccessibleWidget(widget, QAccessible::Chart) : nullptr;
}

}  // namespace

void makePlotsAccessible() {
    QAccessible::removeFactory(plotInterface);
    QAccessible::installFactory(plotInterface);
}

}  // namespace netpas::ui
