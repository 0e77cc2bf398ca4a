// Offers as points: price against what they bring. The cheapest below is best effort. GUI's thread.
#pragma once

#include <QWidget>
#include <vector>

namespace netpas::ui {

struct FrontierPoint {
    QString id;  // empty: best effort
    QString name;
    QString words;       // price and quality
    double price = 0;    // dollars a minute; for the place on the axis only
    double quality = 0;  // milliseconds; the lower the better
    bool known = false;  // whether the quality is
};

class FrontierPlot final : public QWidget {
    Q_OBJECT

public:
    explicit FrontierPlot(QWidget* parent = nullptr);
    void setPoints(std::vector<FrontierPoint> points);
    void setChosen(int index);
    [[nodiscard]] int chosen() const { return m_chosen; }

    [[nodiscard]] QSize sizeHint() const override { return {420, 180}; }
    [[nodiscard]] QSize minimumSizeHint() const override { return {220, 120}; }

signals:
    void chosenByUser(int index);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    [[nodiscard]] QPointF placeOf(size_t index) const;
    [[nodiscard]] QRectF area() const;
    void choose(int index);

    std::vector<FrontierPoint> m_points;
    int m_chosen = 0;
};

}  // namespace netpas::ui
