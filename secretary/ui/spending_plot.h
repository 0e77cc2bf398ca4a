// What was spent, as bars: day by day, or by whom and for whom. GUI's thread.
#pragma once

#include <QWidget>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "core/money.h"

class QPainter;

namespace netpas::ui {

struct SpendingBar {
    QString name;
    Money amount;
};
// Of GET /v1/totals by day: each day from `first` to `last`, also those on which nothing was spent.
[[nodiscard]] std::vector<SpendingBar> spendingByDay(const nlohmann::json& totals, const QDate& first,
                                                     const QDate& last);
// By anything else: the dearest, and all others as one.
[[nodiscard]] std::vector<SpendingBar> spendingByName(const nlohmann::json& totals, size_t most);

class SpendingPlot final : public QWidget {
    Q_OBJECT

public:
    enum class Kind { Days, Names };

    explicit SpendingPlot(QWidget* parent = nullptr);
    void setBars(Kind kind, std::vector<SpendingBar> bars);

    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return {220, 90}; }

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;

private:
    [[nodiscard]] QRectF area() const;
    [[nodiscard]] QRectF slotOf(size_t index) const;  // the place of a bar, whatever its length
    [[nodiscard]] int barAt(const QPointF& point) const;
    [[nodiscard]] QString inWords(int index) const;
    [[nodiscard]] int labelWidth() const;
    void choose(int index);
    void paintDays(QPainter& painter) const;
    void paintNames(QPainter& painter) const;

    Kind m_kind = Kind::Days;
    std::vector<SpendingBar> m_bars;
    Money m_most;
    int m_chosen = -1;
    bool m_known = false;  // what was spent was said
};

}  // namespace netpas::ui
