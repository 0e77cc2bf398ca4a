// Two curves over the last minute: what was paid for, and best effort beside it. What is scarce is drawn as a band without a line. GUI's thread.
#pragma once

#include <QElapsedTimer>
#include <QWidget>
#include <chrono>
#include <deque>
#include <optional>
#include <vector>

namespace netpas::ui {

// An estimate: the truth lies between low and high in 95 of 100 cases.
struct Measured {
    double low = 0, high = 0;
    std::optional<double> value;  // nothing: too scarce to call it a fact
};

class LivePlot final : public QWidget {
    Q_OBJECT

public:
    // `unit`: "ms", behind numbers; `name`: for screen readers.
    LivePlot(const QString& name, const QString& unit, QWidget* parent = nullptr);

    void add(const std::optional<Measured>& bestEffort, const std::optional<Measured>& paid);
    // All of it, with the age of each point, oldest first.
    struct Past {
        std::chrono::milliseconds age;
        std::optional<Measured> bestEffort, paid;
    };
    void show(const std::vector<Past>& points);
    void clear();
    [[nodiscard]] bool isEmpty() const { return m_points.empty(); }
    // It has something to show, but less than a look needs.
    [[nodiscard]] bool isShort() const;
    // What the curves say now, in words.
    [[nodiscard]] QString inWords() const;

    [[nodiscard]] QSize sizeHint() const override { return {420, 160}; }
    [[nodiscard]] QSize minimumSizeHint() const override { return {200, 100}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    struct Point {
        qint64 at = 0;  // milliseconds
        std::optional<Measured> bestEffort, paid;
    };
    void drawSeries(class QPainter& painter, const QRectF& area, double top,
                    const std::optional<Measured> Point::*series, const QColor& colour) const;

    QString m_unit;
    std::deque<Point> m_points;
    QElapsedTimer m_clock;
};

}  // namespace netpas::ui
