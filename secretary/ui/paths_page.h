// The way to a destination, ISP by ISP, and what is worth buying on it. GUI's thread.
#pragma once

#include <QWidget>
#include <memory>
#include <nlohmann/json.hpp>

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QTimer;

namespace netpas::ui {

class Desk;
class FrontierPlot;
class WayView;

class PathsPage final : public QWidget {
    Q_OBJECT

public:
    explicit PathsPage(Desk& desk, QWidget* parent = nullptr);
    // As if its address had been typed.
    void lookAt(const QString& to);

protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void ask();
    void endAsking(const QString& said);
    void measure();
    void showOffers(const nlohmann::json& body);
    void showWay();
    void buy();

    Desk& m_desk;
    QLineEdit *m_to, *m_cap;
    QCheckBox* m_incoming;
    QPushButton *m_ask, *m_buy;
    QLabel *m_said, *m_offer;
    FrontierPlot* m_plot;
    WayView* m_way;
    QTimer* m_measure;
    nlohmann::json m_offers, m_measured;
    QString m_asked;
    bool m_askedIncoming = false;
    std::unique_ptr<QObject> m_asking;  // null: nothing is asked
    bool m_due = false;                 // nobody is there to be asked
};

}  // namespace netpas::ui
