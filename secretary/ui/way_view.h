// The way to a destination as its ISPs, one after the other: what each sells, for how much, and what was measured there. GUI's thread.
#pragma once

#include <QWidget>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace netpas::ui {

struct WayStop {
    enum class Quality { Unknown, Good, Lossy };
    QString name;      // "25 Backbone"
    QString bought;    // class and price; empty at the ends
    QString measured;  // "+12 ms, 0.2 % lost"
    Quality quality = Quality::Unknown;
};

// What was measured (GET /v1/measurements) on the stretch to the last ISP of `path` (of an offer) in its classes; without `path`'s classes as
// best effort when `bought` is false.
void addMeasured(WayStop& stop, const nlohmann::json& measurements, const nlohmann::json& path, size_t hop,
                 bool bought);

class WayView final : public QWidget {
    Q_OBJECT

public:
    explicit WayView(QWidget* parent = nullptr);
    // From this machine to the destination, both included.
    void setStops(std::vector<WayStop> stops);

    [[nodiscard]] bool hasHeightForWidth() const override { return true; }
    [[nodiscard]] int heightForWidth(int width) const override;
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    [[nodiscard]] QSize boxSize() const;
    [[nodiscard]] int perLine(int width) const;
    [[nodiscard]] QRectF placeOf(size_t index) const;

    std::vector<WayStop> m_stops;
};

}  // namespace netpas::ui
