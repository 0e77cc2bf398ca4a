// Lays widgets out like words of a paragraph. GUI's thread.
#pragma once

#include <QLayout>
#include <vector>

namespace netpas::ui {

class FlowLayout final : public QLayout {
public:
    explicit FlowLayout(QWidget* parent);
    ~FlowLayout() override;

    void addItem(QLayoutItem* item) override;
    [[nodiscard]] int count() const override;
    [[nodiscard]] QLayoutItem* itemAt(int index) const override;
    QLayoutItem* takeAt(int index) override;
    [[nodiscard]] Qt::Orientations expandingDirections() const override { return {}; }
    [[nodiscard]] bool hasHeightForWidth() const override { return true; }
    [[nodiscard]] int heightForWidth(int width) const override;
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSize() const override;
    void setGeometry(const QRect& rect) override;

private:
    // The height that is needed; places the items when `place`.
    int lines(const QRect& rect, bool place) const;
    std::vector<QLayoutItem*> m_items;
};

}  // namespace netpas::ui
