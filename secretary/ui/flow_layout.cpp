#include "secretary/ui/flow_layout.h"

#include <QWidget>
#include <algorithm>

namespace netpas::ui {

namespace {

constexpr int gap = 6;

}  // namespace

FlowLayout::FlowLayout(QWidget* parent) : QLayout(parent) { setContentsMargins(0, 0, 0, 0); }

FlowLayout::~FlowLayout() {
    for (QLayoutItem* const item : m_items) delete item;
}

void FlowLayout::addItem(QLayoutItem* item) { m_items.push_back(item); }
int FlowLayout::count() const { return static_cast<int>(m_items.size()); }

QLayoutItem* FlowLayout::itemAt(int index) const {
    return index >= 0 && index < count() ? m_items[static_cast<size_t>(index)] : nullptr;
}

QLayoutItem* FlowLayout::takeAt(int index) {
    QLayoutItem* const item = itemAt(index);
    if (item != nullptr) m_items.erase(m_items.begin() + index);
    return item;
}

int FlowLayout::heightForWidth(int width) const { return lines({0, 0, width, 0}, false); }

QSize FlowLayout::sizeHint() const {
    int width = 0;
    for (const QLayoutItem* const item : m_items) {
        if (!item->isEmpty()) width += item->sizeHint().width() + gap;
    }
    constexpr int comfortable = 520;
    width = std::min(width, comfortable);
    return {width, heightForWidth(width)};
}

QSize FlowLayout::minimumSize() const {
    QSize size;
    for (const QLayoutItem* const item : m_items) size = size.expandedTo(item->minimumSize());
    return size;
}

void FlowLayout::setGeometry(const QRect& rect) {
    QLayout::setGeometry(rect);
    lines(rect, true);
}

int FlowLayout::lines(const QRect& rect, bool place) const {
    int y = rect.y();
    for (size_t first = 0; first < m_items.size();) {
        int x = rect.x(), height = 0;
        size_t next = first;
        for (; next < m_items.size(); ++next) {
            if (m_items[next]->isEmpty()) continue;
            const QSize size = m_items[next]->sizeHint();
            if (x > rect.x() && x + size.width() > rect.right() + 1) break;
            x += size.width() + gap;
            height = std::max(height, size.height());
        }
        x = rect.x();
        for (size_t i = first; i < next; ++i) {
            if (m_items[i]->isEmpty()) continue;
            const QSize size = m_items[i]->sizeHint();
            if (place) m_items[i]->setGeometry({x, y + (height - size.height()) / 2, size.width(), size.height()});
            x += size.width() + gap;
        }
        y += height + gap;
        first = next;
    }
    return y - rect.y() - (m_items.empty() ? 0 : gap);
}

}  // namespace netpas::ui
