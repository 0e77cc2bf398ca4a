#include "secretary/ui/overview_page.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QTableWidget>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "secretary/ui/api_words.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/live_plot.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/parts.h"
#include "secretary/ui/said.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

enum Column { To, For, Program, State, Spent, Cap };
constexpr int idRole = Qt::UserRole;
constexpr int addressRole = Qt::UserRole + 1;
constexpr int comesRole = Qt::UserRole + 2;
constexpr std::chrono::milliseconds measureEvery{1000};

// The other end: of what comes here, where it comes from.
QString addressOf(const json& purchase) {
    const QString flow = textAt(purchase, "flow");
    const QString to = flow.section(QStringLiteral("-> "), 1).section(u':', 0, -2);
    if (!at(purchase, {"reverse"}).is_object()) return to;
    return flow.section(QStringLiteral(" -> "), 0, 0).section(u' ', -1).section(u':', 0, -2);
}

std::optional<Measured> measuredFrom(const json& estimate) {
    if (!estimate.is_object() || !estimate.contains("low") || !estimate.contains("high")) return std::nullopt;
    const json low = estimate["low"], high = estimate["high"], value = at(estimate, {"value"});
    if (!low.is_number() || !high.is_number()) return std::nullopt;
    Measured measured{low.get<double>(), high.get<double>(), std::nullopt};
    if (textAt(estimate, "grade") == QLatin1String("good") && value.is_number()) measured.value = value.get<double>();
    return measured;
}

}  // namespace

OverviewPage::OverviewPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    auto* const head = new QHBoxLayout;
    head->addWidget(m_isp = makeLabel("isp"), 1);
    m_setup = addButton(head, "setup", tr("Set &up…"));
    all->addLayout(head);
    connect(m_setup, &QPushButton::clicked, this, &OverviewPage::setupWanted);
    auto* const sums = new QHBoxLayout;
    sums->addWidget(m_today = makeLabel("today"));
    sums->addWidget(m_month = makeLabel("month"));
    all->addLayout(sums);
    QFont large = m_today->font();
    large.setPointSizeF(large.pointSizeF() * 1.4);
    m_today->setFont(large);
    m_month->setFont(large);
    m_budgets = new QWidget;
    m_budgetLayout = new QVBoxLayout(m_budgets);
    m_budgetLayout->setContentsMargins(0, 0, 0, 0);
    all->addWidget(m_budgets);
    m_running = makeTable("running", tr("what is bought now"),
                          {tr("To"), tr("For"), tr("Program"), tr("State"), tr("Spent"), tr("At most")},
                          {24, 14, 14, 18, 14, 14});
    all->addWidget(m_none = makeLabel("none"));
    all->addWidget(m_running, 2);
    auto* const below = new QHBoxLayout;
    below->addWidget(m_quality = makeLabel("quality"), 1);
    m_stop = addButton(below, "stop", tr("&Stop"));
    all->addLayout(below);
    auto* const plots = new QHBoxLayout;
    plots->addWidget(m_delay = new LivePlot(tr("Round trip"), tr("ms")));
    plots->addWidget(m_loss = new LivePlot(tr("Lost"), tr("%")));
    plots->addWidget(m_rate = new LivePlot(tr("Comes here"), tr("Mbit/s")));
    all->addLayout(plots, 3);
    all->addStretch();  // while there is no list to fill the page
    m_measure = new QTimer(this);
    m_measure->setInterval(measureEvery);
    connect(m_measure, &QTimer::timeout, this, &OverviewPage::measure);
    connect(m_stop, &QPushButton::clicked, this, &OverviewPage::stopSelected);
    connect(m_running, &QTableWidget::itemSelectionChanged, this, &OverviewPage::measure);
    connect(&desk, &Desk::standingChanged, this, &OverviewPage::showStanding);
    connect(&desk, &Desk::standingChanged, this, &OverviewPage::showPurchases);
    connect(&desk, &Desk::budgetsChanged, this, &OverviewPage::showBudgets);
    connect(&desk, &Desk::purchasesChanged, this, &OverviewPage::showPurchases);
    showStanding();
    showPurchases();
}

void OverviewPage::showEvent(QShowEvent*) {
    if (m_running->rowCount() > 0) m_measure->start();
}
void OverviewPage::hideEvent(QHideEvent*) { m_measure->stop(); }

void OverviewPage::showStanding() {
    const json& standing = m_desk.standing();
    const json isp = at(standing, {"isp"});
    // Who is locked does not say.
    const bool said = standing.is_object() && standing.contains("isp");
    m_setup->setVisible(said && !isp.is_object() && m_desk.isOwner());
    if (!said) {
        m_isp->clear();
    } else if (!isp.is_object()) {
        m_isp->setText(tr("No ISP is joined yet: there is nobody to buy from."));
    } else {
        const QString name = textAt(isp, "name");
        m_isp->setText(at(isp, {"connected"}) == json(true) ? tr("%1 is connected.").arg(name)
                                                            : tr("%1 is not connected: all is best effort.").arg(name));
    }
    const auto today = moneyFrom(at(standing, {"spent_today"}));
    m_today->setText(today ? tr("Today: %1").arg(moneyText(*today, Amount::Cost)) : QString());
    m_today->setToolTip(today ? exactMoney(*today) : QString());
    m_desk.link().get("/v1/balance", this, [this](const ApiReply& reply) {
        const auto month = moneyFrom(at(reply.body, {"spent_this_month"}));
        m_month->setText(month ? tr("This month: %1").arg(moneyText(*month, Amount::Cost)) : QString());
        m_month->setToolTip(month ? exactMoney(*month) : QString());
    });
}

void OverviewPage::showBudgets() {
    while (QLayoutItem* const item = m_budgetLayout->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    for (const json& budget : at(m_desk.budgets(), {"budgets"})) {
        const auto amount = moneyFrom(at(budget, {"amount"})), spent = moneyFrom(at(budget, {"spent"})),
                   left = moneyFrom(at(budget, {"left"}));
        if (!amount || !spent || !left || *amount == Money::zero()) continue;
        // The administrator's limit is no plan; it is told when it comes near.
        if (textAt(budget, "kind") == QLatin1String("hard") && at(budget, {"warning"}) != json(true)) continue;
        auto* const bar = new QProgressBar;
        constexpr int whole = 1000;
        const double part = static_cast<double>(spent->eighths()) / static_cast<double>(amount->eighths());
        bar->setRange(0, whole);
        bar->setValue(static_cast<int>(std::clamp(part, 0.0, 1.0) * whole));
        bar->setFormat(tr("%1 — %2 left").arg(budgetText(budget), moneyText(*left, Amount::Credit)));
        bar->setAccessibleName(bar->format());
        bar->setToolTip(tr("%1 of %2").arg(exactMoney(*spent), exactMoney(*amount)));
        m_budgetLayout->addWidget(bar);
    }
}

QString OverviewPage::selected() const {
    const auto rows = m_running->selectionModel()->selectedRows();
    return rows.isEmpty() ? QString() : rows.front().data(idRole).toString();
}

void OverviewPage::showPurchases() {
    const QString chosen = selected();
    // What still waits for an answer is not bought, and stands among the questions.
    json list = json::array();
    for (const json& one : m_desk.purchases()) {
        if (textAt(one, "decision").isEmpty()) list.push_back(one);
    }
    m_none->setVisible(list.empty() && m_desk.standing().is_object());
    m_none->setText(tr("Nothing is bought now. Everything travels best effort."));
    m_running->setVisible(!list.empty());
    m_running->setRowCount(static_cast<int>(list.size()));
    for (int row = 0; row < m_running->rowCount(); ++row) {
        const json& purchase = list[static_cast<size_t>(row)];
        const auto set = [&](int column, const QString& text) {
            auto* item = m_running->item(row, column);
            if (item == nullptr) m_running->setItem(row, column, item = new QTableWidgetItem);
            if (item->text() != text) item->setText(text);
            return item;
        };
        const QString id = textAt(purchase, "id");
        QString name = textAt(purchase, "contact");
        if (name.isEmpty()) name = textAt(purchase, "domain");
        QTableWidgetItem* const to = set(To, name.isEmpty() ? addressOf(purchase) : name);
        to->setToolTip(textAt(purchase, "flow"));
        to->setData(idRole, id);
        to->setData(addressRole, addressOf(purchase));
        const bool comes = at(purchase, {"reverse"}).is_object();
        to->setData(comesRole, comes);
        if (comes && textAt(purchase, "state") == QLatin1String("active") && !m_since.contains(id)) m_since[id].start();
        set(For, wordFor(textAt(purchase, "purpose")));
        const QString app = textAt(purchase, "app").section(u'/', -1);
        set(Program, app.isEmpty() ? tr("you") : app);
        const QString trouble = textAt(purchase, "trouble");
        set(State, trouble.isEmpty() ? wordFor(textAt(purchase, "state")) : said(trouble));
        const auto sent = moneyFrom(at(purchase, {"sent", "amount"})), cap = moneyFrom(at(purchase, {"cap"}));
        set(Spent, sent ? moneyText(*sent, Amount::Cost) : QString())->setToolTip(sent ? exactMoney(*sent) : QString());
        set(Cap, cap ? moneyText(*cap, Amount::Cost) : QString())->setToolTip(cap ? exactMoney(*cap) : QString());
        if (id == chosen) m_running->selectRow(row);
    }
    if (selected().isEmpty() && !list.empty()) m_running->selectRow(0);
    m_stop->setVisible(!list.empty());
    m_quality->setVisible(!list.empty());
    showPlots();
    if (list.empty()) {
        m_since.clear();
        m_measure->stop();
    } else if (isVisible() && !m_measure->isActive()) {
        m_measure->start();  // started anew with each change of what runs, it would never be due
    }
}

// Of what comes only this end's view is known: how fast. Of what is sent, what test packets meet.
void OverviewPage::showPlots() {
    const auto rows = m_running->selectionModel()->selectedRows();
    const bool any = !rows.isEmpty(), comes = any && rows.front().data(comesRole).toBool();
    m_delay->setVisible(any && !comes);
    m_loss->setVisible(any && !comes);
    m_rate->setVisible(comes);
}

void OverviewPage::measure() {
    showPlots();
    const auto rows = m_running->selectionModel()->selectedRows();
    if (rows.isEmpty()) return;
    const QString address = rows.front().data(addressRole).toString();
    if (address != m_plotted) {
        m_plotted = address;
        for (LivePlot* const plot : {m_delay, m_loss, m_rate}) plot->clear();
    }
    const bool comes = rows.front().data(comesRole).toBool();
    const QString id = rows.front().data(idRole).toString();
    m_desk.link().get("/v1/measurements?to=" + encoded(address), this,
                      [this, address, comes, id](const ApiReply& reply) {
                          if (!reply.ok() || address != m_plotted) return;
                          comes ? plotArrivals(reply.body, id) : plot(reply.body);
                      });
}

// The farthest ISP that answers, in what is paid for and as best effort.
void OverviewPage::plot(const json& measured) {
    const json all = at(measured, {"measurements"});
    const auto isps = [](const json& one) { return at(one, {"classes"}).size(); };
    const json* paid = nullptr;
    for (const json& one : all) {
        const bool answers = measuredFrom(at(one, {"round_trip_ms"})).has_value();
        if (textAt(one, "source") != QLatin1String("stamp") || isps(one) == 0 || !answers) continue;
        if (paid == nullptr || isps(one) > isps(*paid)) paid = &one;
    }
    const json* bestEffort = nullptr;
    for (const json& one : all) {
        const bool there = paid == nullptr || at(one, {"isp"}) == at(*paid, {"isp"});
        if (textAt(one, "source") == QLatin1String("stamp") && isps(one) == 0 && there) bestEffort = &one;
    }
    const auto read = [](const json* one, const char* what, double scale) -> std::optional<Measured> {
        auto found = one != nullptr ? measuredFrom(at(*one, {what})) : std::nullopt;
        if (!found) return std::nullopt;
        found->low *= scale;
        found->high *= scale;
        if (found->value) *found->value *= scale;
        return found;
    };
    constexpr double percent = 100;
    m_delay->add(read(bestEffort, "round_trip_ms", 1), read(paid, "round_trip_ms", 1));
    m_loss->add(read(bestEffort, "loss_there", percent), read(paid, "loss_there", percent));
    m_quality->setText(m_delay->inWords() + QStringLiteral(". ") + m_loss->inWords() + u'.');
}

void OverviewPage::plotArrivals(const json& measured, const QString& purchase) {
    using std::chrono::milliseconds;
    const auto since = m_since.find(purchase);
    const qint64 paidFor = since != m_since.end() ? since->second.elapsed() : -1;
    std::vector<LivePlot::Past> points;
    for (const json& one : at(measured, {"came"})) {
        const json age = at(one, {"age_s"}), mbit = at(one, {"mbit"});
        if (!age.is_number() || !mbit.is_number()) continue;
        const double rate = mbit.get<double>();
        const Measured value{rate, rate, rate};
        const milliseconds old(static_cast<int64_t>(age.get<double>() * 1000));
        const bool paid = old.count() < paidFor;
        points.push_back({old, paid ? std::nullopt : std::optional(value), paid ? std::optional(value) : std::nullopt});
    }
    m_rate->show(points);
    m_quality->setText(m_rate->inWords() + u'.');
}

void OverviewPage::stopSelected() {
    const QString id = selected();
    if (id.isEmpty()) return;
    m_desk.link().call("DELETE", "/v1/purchases/" + encoded(id), nullptr, this, [this](const ApiReply& reply) {
        if (!reply.ok()) m_quality->setText(reply.message());
        m_desk.refresh();
    });
}

}  // namespace netpas::ui
