#include "secretary/ui/paths_page.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QTimer>
#include <QVBoxLayout>

#include "secretary/ui/api_words.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/frontier_plot.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/parts.h"
#include "secretary/ui/said.h"
#include "secretary/ui/way_view.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds measureEvery{2000};

QString qualityText(const json& offer) {
    QStringList parts;
    const json quality = at(offer, {"quality"});
    if (quality.contains("latency_us") && quality["latency_us"].is_number()) {
        parts << QObject::tr("%1 ms").arg(quality["latency_us"].get<double>() / 1000, 0, 'f', 0);
    }
    if (quality.contains("loss_per_million") && quality["loss_per_million"].is_number()) {
        parts << QObject::tr("%1 % lost").arg(quality["loss_per_million"].get<double>() / 1e4, 0, 'g', 2);
    }
    if (quality.contains("rate_bit_per_second") && quality["rate_bit_per_second"].is_number()) {
        parts << QObject::tr("%1 Mbit/s").arg(quality["rate_bit_per_second"].get<double>() / 1e6, 0, 'f', 0);
    }
    return parts.isEmpty() ? QObject::tr("nothing promised") : QObject::tr("promised: %1").arg(parts.join(u", "));
}

QString priceText(const json& offer) {
    const auto price = moneyFrom(at(offer, {"per_minute_at_most"}));
    return price ? QObject::tr("at most %1 a minute").arg(moneyText(*price, Amount::Cost)) : QString();
}

}  // namespace

PathsPage::PathsPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    auto* const head = new QHBoxLayout;
    m_to = new QLineEdit;
    m_to->setObjectName("to");
    m_to->setPlaceholderText(tr("Address of the other end, such as 203.0.113.6"));
    m_to->setAccessibleName(tr("address of the other end"));
    head->addWidget(m_to, 1);
    m_incoming = new QCheckBox(tr("for what &comes from there"));
    m_incoming->setObjectName("incoming");
    head->addWidget(m_incoming);
    m_ask = new QPushButton(tr("&Look"));
    m_ask->setObjectName("ask");
    head->addWidget(m_ask);
    all->addLayout(head);
    all->addWidget(m_said = makeLabel("said"));
    m_plot = new FrontierPlot;
    m_plot->setObjectName("frontier");
    all->addWidget(m_plot);
    all->addWidget(m_offer = makeLabel("offer"));
    m_way = new WayView;
    m_way->setObjectName("way");
    auto* const scroll = new QScrollArea;
    scroll->setWidget(m_way);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setFocusPolicy(Qt::NoFocus);  // it has nothing to be chosen
    all->addWidget(scroll, 1);
    auto* const act = new QHBoxLayout;
    act->addStretch();
    auto* const most = new QLabel(tr("Never &more than"));
    act->addWidget(most);
    m_cap = new QLineEdit(QStringLiteral("5 ¢"));
    m_cap->setObjectName("cap");
    m_cap->setMaximumWidth(fontMetrics().averageCharWidth() * 14);
    most->setBuddy(m_cap);
    act->addWidget(m_cap);
    m_buy = new QPushButton(tr("&Buy"));
    m_buy->setObjectName("buy");
    m_buy->setEnabled(false);
    act->addWidget(m_buy);
    all->addLayout(act);
    m_measure = new QTimer(this);
    m_measure->setInterval(measureEvery);
    connect(m_measure, &QTimer::timeout, this, &PathsPage::measure);
    connect(m_ask, &QPushButton::clicked, this, [this] { m_asking ? endAsking({}) : ask(); });
    connect(m_to, &QLineEdit::returnPressed, this, &PathsPage::ask);
    connect(m_plot, &FrontierPlot::chosenByUser, this, &PathsPage::showWay);
    connect(m_buy, &QPushButton::clicked, this, &PathsPage::buy);
    connect(&desk, &Desk::stateChanged, this, [this] {
        if (m_due && m_desk.state() == Desk::State::Open) ask();
    });
}

void PathsPage::lookAt(const QString& to) {
    m_to->setText(to);
    ask();
}

void PathsPage::ask() {
    const QString to = m_to->text().trimmed();
    if (to.isEmpty()) return;
    m_asked = to;
    m_askedIncoming = m_incoming->isChecked();
    m_measured = nullptr;
    showOffers(json::object());  // those of another address are not for this one
    m_due = m_desk.state() != Desk::State::Open;
    if (m_due) {
        return endAsking(
            tr("Ways and prices are asked for as soon as the secretary answers. Until then everything "
               "travels best effort."));
    }
    m_asking = std::make_unique<QObject>();
    m_ask->setText(tr("C&ancel"));
    m_said->setText(tr("Asking…"));
    json body{{"to", to.toStdString()}};
    if (m_askedIncoming) body["direction"] = "incoming";
    m_desk.link().call("POST", "/v1/quotes", body, m_asking.get(), [this](const ApiReply& reply) {
        if (!reply.ok())
            return endAsking(reply.hint().isEmpty() ? reply.message() : reply.message() + u'\n' + reply.hint());
        endAsking(said(textAt(reply.body, "problem")));
        showOffers(reply.body);
        measure();
        m_measure->start();
    });
}

// An answer that comes later is for nobody.
void PathsPage::endAsking(const QString& said) {
    m_asking.reset();
    m_ask->setText(tr("&Look"));
    m_said->setText(said);
}

void PathsPage::showOffers(const json& body) {
    m_offers = at(body, {"offers"});
    std::vector<FrontierPoint> points;
    for (const json& offer : m_offers) {
        FrontierPoint point{textAt(offer, "id"), wordFor(textAt(offer, "tier")), priceText(offer), 0, 0, false};
        const auto price = moneyFrom(at(offer, {"per_minute_at_most"}));
        if (price) point.price = static_cast<double>(price->eighths()) / static_cast<double>(Money::eighthsPerDollar);
        const json latency = at(offer, {"quality", "latency_us"});
        point.known = latency.is_number();
        if (point.known) point.quality = latency.get<double>() / 1000;
        points.push_back(std::move(point));
    }
    m_plot->setPoints(std::move(points));
    m_plot->setChosen(m_offers.is_array() ? static_cast<int>(m_offers.size()) - 1 : 0);
    showWay();
}

void PathsPage::showWay() {
    const auto index = static_cast<size_t>(m_plot->chosen());
    const bool any = m_offers.is_array() && index < m_offers.size();
    const json offer = any ? m_offers[index] : json::object();
    m_buy->setEnabled(!textAt(offer, "id").isEmpty());
    m_offer->setText(any ? tr("%1: %2; %3. %4")
                               .arg(wordFor(textAt(offer, "tier")), priceText(offer), qualityText(offer),
                                    wordFor(textAt(offer, "change")))
                         : QString());
    // Best effort takes a way, too: the one that the others pay on.
    json way = at(offer, {"path"});
    const bool bought = way.is_array() && !way.empty();
    for (const json& other : m_offers) {
        if (way.is_array() && !way.empty()) break;
        way = at(other, {"path"});
    }
    std::vector<WayStop> stops;
    if (way.is_array() && !way.empty()) stops.push_back({tr("This machine"), {}, {}, WayStop::Quality::Unknown});
    for (size_t hop = 0; hop < (way.is_array() ? way.size() : 0); ++hop) {
        WayStop stop;
        stop.name = textAt(way[hop], "isp") + u' ' + textAt(way[hop], "name");
        const auto price = moneyFrom(at(way[hop], {"price_per_packet"}));
        const QString name = textAt(way[hop], "class_name");
        stop.bought = bought ? name : tr("best effort");
        if (bought && price) stop.bought += tr(", %1 a packet").arg(moneyText(*price, Amount::Cost));
        addMeasured(stop, m_measured, way, hop, bought);
        if (stop.measured.isEmpty()) stop.measured = tr("not measured yet");
        stops.push_back(std::move(stop));
    }
    if (!stops.empty()) stops.push_back({m_asked, {}, {}, WayStop::Quality::Unknown});
    m_way->setStops(std::move(stops));
}

void PathsPage::showEvent(QShowEvent*) {
    if (!m_asked.isEmpty()) m_measure->start();
}
void PathsPage::hideEvent(QHideEvent*) { m_measure->stop(); }

void PathsPage::measure() {
    const QString to = m_asked;
    m_desk.link().get("/v1/measurements?to=" + encoded(to), this, [this, to](const ApiReply& reply) {
        if (!reply.ok() || to != m_asked) return;
        m_measured = reply.body;
        showWay();
    });
}

void PathsPage::buy() {
    const auto index = static_cast<size_t>(m_plot->chosen());
    const auto cap = moneyTyped(m_cap->text());
    if (!m_offers.is_array() || index >= m_offers.size()) return;
    if (!cap || *cap == Money::zero())
        return m_said->setText(tr("\"%1\" is no amount: 5 ¢ or $0.05, for example.").arg(m_cap->text()));
    json body{{"to", m_asked.toStdString()}, {"cap", cap->toString()}, {"offer", m_offers[index].value("id", "")}};
    if (m_askedIncoming) body["direction"] = "incoming";
    m_buy->setEnabled(false);
    m_desk.link().call("POST", "/v1/purchases", body, this, [this](const ApiReply& reply) {
        m_buy->setEnabled(true);
        m_said->setText(reply.ok() ? tr("Bought. The overview shows what it brings.")
                                   : reply.message() + u'\n' + reply.hint());
        m_desk.refresh();
    });
}

}  // namespace netpas::ui
