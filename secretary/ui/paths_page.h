// The way to a destination, ISP by ISP, and what is worth buying on it. GUI's thread.
#pragma once

#include <QWidget>
#include <nlohmann/json.hpp>

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QTableWidget;

namespace netpas::ui {

class Desk;
class FrontierPlot;

class PathsPage final : public QWidget {
    Q_OBJECT

public:
    explicit PathsPage(Desk& desk, QWidget* parent = nullptr);

private:
    void ask();
    void showOffers(const nlohmann::json& body);
    void showWay();
    void buy();

    Desk& m_desk;
    QLineEdit *m_to, *m_cap;
    QCheckBox* m_incoming;
    QPushButton *m_ask, *m_buy;
    QLabel *m_said, *m_offer;
    FrontierPlot* m_plot;
    QTableWidget* m_way;
    nlohmann::json m_offers;
    QString m_asked;
    bool m_askedIncoming = false;
};

}  // namespace netpas::ui
