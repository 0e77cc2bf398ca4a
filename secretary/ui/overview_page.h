// What is bought now and what it brings, and what was spent. GUI's thread.
#pragma once

#include <QElapsedTimer>
#include <QWidget>
#include <map>
#include <nlohmann/json.hpp>

class QLabel;
class QProgressBar;
class QPushButton;
class QTableWidget;
class QTimer;
class QVBoxLayout;

namespace netpas::ui {

class Desk;
class LivePlot;

class OverviewPage final : public QWidget {
    Q_OBJECT

public:
    explicit OverviewPage(Desk& desk, QWidget* parent = nullptr);

signals:
    void setupWanted();

protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void showStanding();
    void showBudgets();
    void showPurchases();
    void showPlots();
    void measure();
    void plot(const nlohmann::json& measured);
    void plotArrivals(const nlohmann::json& measured, const QString& purchase);
    void stopSelected();
    [[nodiscard]] QString selected() const;

    Desk& m_desk;
    QLabel *m_isp, *m_today, *m_month, *m_quality, *m_none;
    QWidget* m_budgets;
    QVBoxLayout* m_budgetLayout;
    QTableWidget* m_running;
    QPushButton *m_stop, *m_setup;
    LivePlot *m_delay, *m_loss, *m_rate;
    QTimer* m_measure;
    QString m_plotted;                         // address
    std::map<QString, QElapsedTimer> m_since;  // purchases of what comes, since they run
};

}  // namespace netpas::ui
