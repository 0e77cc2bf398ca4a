#include "secretary/ui/agreements_page.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QMessageBox>
#include <QPushButton>
#include <QTableWidget>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "secretary/ui/api_words.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/parts.h"
#include "secretary/ui/said.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds lookEvery{2000};
constexpr int idRole = Qt::UserRole;
const QString unknown = QStringLiteral("—");

// The name in the contacts, else the beginning of the identifier.
QString nameOf(const json& one) {
    constexpr int shown = 10;
    const QString contact = textAt(one, "contact"), id = textAt(one, "neighbour");
    return !contact.isEmpty() ? contact : id.size() > shown ? id.left(shown) + u'…' : id;
}

QString moneyAt(const json& one, const char* name, Amount kind) {
    const auto amount = moneyFrom(at(one, {name}));
    return amount ? moneyText(*amount, kind) : QString();
}

QString priceText(const json& amount, Amount kind) {
    const auto price = moneyFrom(amount);
    return price ? AgreementsPage::tr("%1 per kB").arg(moneyText(*price, kind)) : AgreementsPage::tr("not sold");
}

QString qualityText(const json& quality) {
    const json rate = at(quality, {"bit_per_second"}), arrives = at(quality, {"arrives"});
    QStringList parts;
    constexpr double megabit = 1e6, percent = 100;
    if (rate.is_number())
        parts << AgreementsPage::tr("%1 Mbit/s").arg(QLocale().toString(rate.get<double>() / megabit, 'g', 3));
    if (arrives.is_number())
        parts << AgreementsPage::tr("%1 % arrive").arg(QLocale().toString(arrives.get<double>() * percent, 'g', 4));
    return parts.isEmpty() ? unknown : parts.join(u", ");
}

QString yesNo(const json& value) { return value == json(true) ? AgreementsPage::tr("yes") : AgreementsPage::tr("no"); }

void fill(QTableWidget* table, int row, const QString& id, const QStringList& cells) {
    for (int column = 0; column < cells.size(); ++column) {
        auto* item = table->item(row, column);
        if (item == nullptr) table->setItem(row, column, item = new QTableWidgetItem);
        if (item->text() != cells[column]) item->setText(cells[column]);
    }
    table->item(row, 0)->setData(idRole, id);
}

// What is not known of any takes no room.
void hideUnknown(QTableWidget* table, std::initializer_list<int> columns) {
    for (const int column : columns) {
        bool known = false;
        for (int row = 0; row < table->rowCount(); ++row) known = known || table->item(row, column)->text() != unknown;
        table->setColumnHidden(column, !known);
    }
}

// What was chosen stays so, wherever it stands now; when it is gone nobody has chosen another one. `first`: there was nothing to choose from.
void chooseAgain(QTableWidget* table, const QString& id, bool first) {
    for (int row = 0; row < table->rowCount(); ++row) {
        if (table->item(row, 0)->data(idRole).toString() == id) return table->selectRow(row);
    }
    table->clearSelection();
    if (first && table->rowCount() > 0) table->selectRow(0);
}

QString chosen(const QTableWidget* table) {
    const auto rows = table->selectionModel()->selectedRows();
    return rows.isEmpty() ? QString() : rows.front().data(idRole).toString();
}

}  // namespace

AgreementsPage::AgreementsPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    all->addWidget(m_standing = makeLabel("standing"));
    all->addWidget(m_neighbours = makeTable("neighbours", tr("neighbours"),
                                            {tr("Neighbour"), tr("Link"), tr("Asks upstream"), tr("Asks downstream"),
                                             tr("Measured there"), tr("Measured back"), tr("Passes"), tr("Why")},
                                            {13, 6, 18, 18, 14, 14, 6}),
                   1);
    auto* const offers = new QHBoxLayout;
    offers->addStretch();
    m_offerUp = addButton(offers, "offerUpstream", tr("Buy &upstream…"));
    m_offerDown = addButton(offers, "offerDownstream", tr("Buy &downstream…"));
    all->addLayout(offers);
    all->addWidget(m_none = makeLabel("none"));
    all->addWidget(m_agreements = makeTable(
                       "agreements", tr("agreements"),
                       {tr("Neighbour"), tr("Direction"), tr("Role"), tr("State"), tr("Price"), tr("Promised"),
                        tr("Measured"), tr("Verified"), tr("You owe"), tr("Owed to you"), tr("Passes"), tr("Why")},
                       {12, 8, 8, 8, 22, 9, 9, 9, 8, 8, 6}),
                   1);
    auto* const act = new QHBoxLayout;
    act->addWidget(m_said = makeLabel("said"), 1);
    m_accept = addButton(act, "acceptAgreement", tr("&Accept…"));
    m_end = addButton(act, "endAgreement", tr("&End…"));
    all->addLayout(act);
    all->addStretch();  // while there is no list to fill the page
    m_again = new QTimer(this);
    m_again->setInterval(lookEvery);
    connect(m_again, &QTimer::timeout, this, &AgreementsPage::reload);
    connect(m_neighbours, &QTableWidget::itemSelectionChanged, this, &AgreementsPage::showButtons);
    connect(m_agreements, &QTableWidget::itemSelectionChanged, this, &AgreementsPage::showButtons);
    connect(m_offerUp, &QPushButton::clicked, this, [this] { offer("upstream"); });
    connect(m_offerDown, &QPushButton::clicked, this, [this] { offer("downstream"); });
    connect(m_accept, &QPushButton::clicked, this, [this] { answer("accept"); });
    connect(m_end, &QPushButton::clicked, this, [this] { answer("end"); });
    showNeighbours(nullptr);
    showAgreements(nullptr);
}

void AgreementsPage::showEvent(QShowEvent*) {
    reload();
    m_again->start();
}
void AgreementsPage::hideEvent(QHideEvent*) { m_again->stop(); }

void AgreementsPage::reload() {
    if (m_desk.state() != Desk::State::Open) return;
    m_desk.link().get("/v1/neighbours", this, [this](const ApiReply& reply) {
        if (reply.ok()) return showNeighbours(reply.body);
        showNeighbours(nullptr);
        constexpr unsigned notFound = 404;
        m_standing->setText(reply.status == notFound ? tr("This secretary does not know of neighbours.")
                                                     : reply.message());
    });
    m_desk.link().get("/v1/agreements", this, [this](const ApiReply& reply) {
        if (reply.ok()) showAgreements(at(reply.body, {"agreements"}));
    });
}

void AgreementsPage::showNeighbours(const json& all) {
    const json list = at(all, {"neighbours"});
    m_known = list.is_array() ? list : json::array();
    const QString trouble = said(textAt(all, "trouble"));
    m_standing->setText(!all.is_object()                ? QString()
                        : at(all, {"on"}) != json(true) ? tr("This machine passes on nothing for neighbours, and buys "
                                                             "nothing from them: netpasd was started without --mesh.")
                        : !trouble.isEmpty()            ? trouble
                        : m_known.empty()               ? tr("No neighbour has been heard of on the links here.")
                                                        : tr("Neighbours on the links here, and what they ask."));
    const QString was = chosen(m_neighbours);
    const bool first = m_neighbours->rowCount() == 0;
    const QSignalBlocker quiet(m_neighbours);
    m_neighbours->setVisible(!m_known.empty());
    m_neighbours->setRowCount(static_cast<int>(m_known.size()));
    for (int row = 0; row < m_neighbours->rowCount(); ++row) {
        const json& one = m_known[static_cast<size_t>(row)];
        const json asks = at(one, {"asks"}), passes = at(one, {"forwarding"});
        const bool both = at(passes, {"upstream"}) == json(true) && at(passes, {"downstream"}) == json(true);
        const bool none = at(passes, {"upstream"}) != json(true) && at(passes, {"downstream"}) != json(true);
        fill(m_neighbours, row, textAt(one, "neighbour"),
             {nameOf(one), textAt(one, "interface"), priceText(at(asks, {"upstream_per_kb"}), Amount::Cost),
              priceText(at(asks, {"downstream_per_kb"}), Amount::Cost), qualityText(at(one, {"measured", "upstream"})),
              qualityText(at(one, {"measured", "downstream"})),
              both   ? tr("yes")
              : none ? tr("no")
                     : wordFor(at(passes, {"upstream"}) == json(true) ? QStringLiteral("upstream")
                                                                      : QStringLiteral("downstream")),
              said(textAt(one, "why"))});
    }
    hideUnknown(m_neighbours, {4, 5});
    chooseAgain(m_neighbours, was, first);
    showButtons();
}

void AgreementsPage::showAgreements(const json& list) {
    m_list = list.is_array() ? list : json::array();
    m_none->setText(!list.is_array() ? QString()
                    : m_list.empty() ? tr("There are no agreements with neighbours.")
                                     : tr("Agreements"));
    const QString was = chosen(m_agreements);
    const bool first = m_agreements->rowCount() == 0;
    const QSignalBlocker quiet(m_agreements);
    m_agreements->setVisible(!m_list.empty());
    m_agreements->setRowCount(static_cast<int>(m_list.size()));
    for (int row = 0; row < m_agreements->rowCount(); ++row) {
        const json& one = m_list[static_cast<size_t>(row)];
        const bool buys = textAt(one, "role") == QLatin1String("buyer");
        const Amount kind = buys ? Amount::Cost : Amount::Credit;
        // Whoever buys owes; debts are a neighbour's, over all agreements with it.
        fill(m_agreements, row, textAt(one, "id"),
             {nameOf(one), wordFor(textAt(one, "direction")), wordFor(textAt(one, "role")),
              wordFor(textAt(one, "state")), priceText(at(one, {"per_kb"}), kind), qualityText(at(one, {"promised"})),
              qualityText(at(one, {"measured"})), qualityText(at(one, {"verified"})),
              buys ? moneyAt(one, "owed", Amount::Cost) : QString(),
              buys ? QString() : moneyAt(one, "owing", Amount::Credit), yesNo(at(one, {"forwarding"})),
              said(textAt(one, "why"))});
        for (const auto& [column, name] : {std::pair(8, "owed"), std::pair(9, "owing")}) {
            const auto amount = moneyFrom(at(one, {name}));
            m_agreements->item(row, column)->setToolTip(amount ? exactMoney(*amount) : QString());
        }
    }
    hideUnknown(m_agreements, {5, 6, 7});
    chooseAgain(m_agreements, was, first);
    showButtons();
}

json AgreementsPage::selected(const QTableWidget* table, const json& list) const {
    const QString id = chosen(table);
    for (const json& one : list) {
        if (!id.isEmpty() && (textAt(one, "id") == id || (!one.contains("id") && textAt(one, "neighbour") == id)))
            return one;
    }
    return nullptr;
}

void AgreementsPage::showButtons() {
    const json neighbour = selected(m_neighbours, m_known), agreement = selected(m_agreements, m_list);
    const QString state = textAt(agreement, "state");
    for (QPushButton* const one : {m_offerUp, m_offerDown}) one->setVisible(m_neighbours->isVisibleTo(this));
    for (QPushButton* const one : {m_accept, m_end}) one->setVisible(m_agreements->isVisibleTo(this));
    m_offerUp->setEnabled(at(neighbour, {"asks", "upstream_per_kb"}).is_string());
    m_offerDown->setEnabled(at(neighbour, {"asks", "downstream_per_kb"}).is_string());
    m_accept->setEnabled(m_desk.isOwner() && state == QLatin1String("asked"));
    m_end->setEnabled(state == QLatin1String("active") || state == QLatin1String("offered") ||
                      state == QLatin1String("asked"));
}

void AgreementsPage::offer(const char* direction) {
    const json one = selected(m_neighbours, m_known);
    if (!one.is_object()) return;
    const bool up = QLatin1String(direction) == QLatin1String("upstream");
    const QString price = priceText(at(one, {"asks", up ? "upstream_per_kb" : "downstream_per_kb"}), Amount::Cost);
    const QString question = up ? tr("Shall %1 be paid %2 for passing on what this machine sends?")
                                : tr("Shall %1 be paid %2 for passing on what is for this machine?");
    const json body{{"neighbour", at(one, {"neighbour"})},
                    {"direction", direction},
                    {"per_kb", at(one, {"asks", up ? "upstream_per_kb" : "downstream_per_kb"})}};
    confirm("confirmOffer", question.arg(nameOf(one), price), tr("&Buy"), [this, body] {
        m_desk.link().call("POST", "/v1/agreements", body, this, [this](const ApiReply& reply) {
            say(reply, tr("The agreement is offered."));
            reload();
        });
    });
}

void AgreementsPage::answer(const char* what) {
    const json one = selected(m_agreements, m_list);
    if (!one.is_object()) return;
    const bool end = QLatin1String(what) == QLatin1String("end");
    const bool asked = textAt(one, "state") == QLatin1String("asked");
    const bool buys = textAt(one, "role") == QLatin1String("buyer");
    const QString question =
        !end    ? tr("Shall the agreement be accepted? %1 buys %2 from you: its packets are then passed on, for %3.")
        : asked ? tr("Shall the offer be turned down? %1 would buy %2 from you, for %3.")
        : buys  ? tr("Shall the agreement end? You buy %2 from %1, for %3. What is owed is still paid; packets are not "
                      "passed on any more.")
                : tr("Shall the agreement end? %1 buys %2 from you, for %3. What is owed is still paid; packets are "
                      "not passed on any more.");
    const QString yes = !end ? tr("&Accept it") : asked ? tr("&Turn it down") : tr("&End it");
    const QString done = !end    ? tr("The agreement is accepted.")
                         : asked ? tr("The offer is turned down.")
                                 : tr("The agreement ends.");
    const QString price = priceText(at(one, {"per_kb"}), buys ? Amount::Cost : Amount::Credit);
    const QString path = "/v1/agreements/" + encoded(textAt(one, "id")) + u'/' + QLatin1String(what);
    confirm(end ? "confirmEnd" : "confirmAccept", question.arg(nameOf(one), wordFor(textAt(one, "direction")), price),
            yes, [this, path, done] {
                m_desk.link().call("POST", path, json::object(), this, [this, done](const ApiReply& reply) {
                    say(reply, done);
                    reload();
                });
            });
}

void AgreementsPage::confirm(const char* name, const QString& question, const QString& yes,
                             const std::function<void()>& act) {
    auto* const box = new QMessageBox(QMessageBox::Question, tr("Neighbours"), question, QMessageBox::NoButton, this);
    box->setObjectName(name);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setTextFormat(Qt::PlainText);
    auto* const doIt = box->addButton(yes, QMessageBox::AcceptRole);
    doIt->setObjectName("yes");
    auto* const leave = box->addButton(tr("&Leave it"), QMessageBox::RejectRole);
    leave->setObjectName("no");
    box->setDefaultButton(leave);
    box->setEscapeButton(leave);
    connect(doIt, &QPushButton::clicked, this, act);
    box->open();
}

void AgreementsPage::say(const ApiReply& reply, const QString& good) {
    m_said->setText(reply.ok() ? good : reply.message() + u'\n' + reply.hint());
}

}  // namespace netpas::ui
