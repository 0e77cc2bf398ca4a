#include "secretary/ui/payments_model.h"

#include <QLocale>
#include <algorithm>
#include <utility>

#include "secretary/ui/api_words.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/said.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr int pageSize = 2000;
constexpr size_t newestSize = 100;

QString baseName(const QString& path) { return path.section(u'/', -1); }

}  // namespace

PaymentsModel::PaymentsModel(ApiLink& link, QObject* parent) : QAbstractTableModel(parent), m_link(link) {}

void PaymentsModel::refresh() {
    if (m_loading) return;
    m_loading = true;
    m_trouble.clear();
    if (!m_complete) {
        beginResetModel();
        m_rows.clear();
        endResetModel();
        return askPage({});
    }
    m_link.get("/v1/history?limit=" + QString::number(newestSize), this, [this](const ApiReply& reply) {
        if (!reply.ok()) return fail(reply);
        std::vector<Row> newest;
        for (const json& entry : at(reply.body, {"entries"})) newest.push_back(rowFrom(entry));
        m_loading = false;
        // More is new than was asked for.
        const bool gap = newest.size() == newestSize && (m_rows.empty() || newest.back().id > m_rows.front().id);
        if (gap) {
            m_complete = false;
            return refresh();
        }
        merge(std::move(newest));
        emit loaded();
    });
}

void PaymentsModel::fail(const ApiReply& reply) {
    m_loading = false;
    m_trouble = reply.message();
    emit loaded();
}

// What is there can be read while the rest comes.
void PaymentsModel::askPage(const QString& before) {
    QString path = "/v1/history?limit=" + QString::number(pageSize);
    if (!before.isEmpty()) path += "&before=" + before;
    m_link.get(path, this, [this](const ApiReply& reply) {
        if (!reply.ok()) return fail(reply);
        const json entries = at(reply.body, {"entries"});
        if (!entries.empty()) {
            const int first = static_cast<int>(m_rows.size());
            beginInsertRows({}, first, first + static_cast<int>(entries.size()) - 1);
            for (const json& entry : entries) m_rows.push_back(rowFrom(entry));
            endInsertRows();
        }
        m_complete = static_cast<int>(entries.size()) < pageSize;
        m_loading = !m_complete;
        emit loaded();
        if (m_loading) askPage(QString::number(m_rows.back().id));
    });
}

std::vector<PaymentsModel::Row>::iterator PaymentsModel::find(qulonglong id) {
    const auto at = std::lower_bound(m_rows.begin(), m_rows.end(), id,
                                     [](const Row& row, qulonglong wanted) { return row.id > wanted; });
    return at != m_rows.end() && at->id == id ? at : m_rows.end();
}

void PaymentsModel::merge(std::vector<Row> newest) {
    const qulonglong known = m_rows.empty() ? 0 : m_rows.front().id;
    const auto old = std::find_if(newest.begin(), newest.end(), [&](const Row& row) { return row.id <= known; });
    for (auto row = old; row != newest.end(); ++row) {
        const auto here = find(row->id);
        if (here == m_rows.end() || *here == *row) continue;
        *here = *row;
        const int number = static_cast<int>(here - m_rows.begin());
        emit dataChanged(index(number, 0), index(number, ColumnCount - 1));
    }
    if (old == newest.begin()) return;
    beginInsertRows({}, 0, static_cast<int>(old - newest.begin()) - 1);
    m_rows.insert(m_rows.begin(), newest.begin(), old);
    endInsertRows();
}

PaymentsModel::Row PaymentsModel::rowFrom(const json& entry) {
    Row row;
    row.id = textAt(entry, "id").toULongLong();
    row.when = QDateTime::fromString(textAt(entry, "requested_at"), Qt::ISODateWithMs).toLocalTime();
    row.app = textAt(entry, "app");
    row.what = wordFor(textAt(entry, "purpose"));
    row.to = textAt(entry, "contact");
    for (const char* const name : {"domain", "payee"}) {
        if (row.to.isEmpty()) row.to = textAt(entry, name);
    }
    if (row.to.isEmpty()) row.to = textAt(entry, "flow").section("-> ", 1).section(u':', 0, -2);
    const QString state = textAt(entry, "state");
    row.state = wordFor(state);
    row.refused = state == QLatin1String("refused");
    if (const QString reason = textAt(entry, "reason"); !reason.isEmpty()) row.state += ", " + wordFor(reason);
    row.why = textAt(entry, "why");
    row.label = textAt(entry, "label");
    row.charged = moneyFrom(at(entry, {"charged"}));
    row.search = searchText(row);
    return row;
}

QString PaymentsModel::searchText(const Row& row) {
    return (row.app + u' ' + row.what + u' ' + row.to + u' ' + row.state + u' ' + row.label).toLower();
}

int PaymentsModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int PaymentsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

QString PaymentsModel::shown(const Row& row, int column) const {
    switch (column) {
    case When: return QLocale().toString(row.when, QLocale::ShortFormat);
    case App: return row.app.isEmpty() ? tr("you") : baseName(row.app);
    case What: return row.what;
    case To: return row.to;
    case State: return row.state;
    case Charged:
        return row.charged ? moneyText(*row.charged, Amount::Cost) : row.refused ? tr("nothing") : tr("not yet");
    case Why: return said(row.why);
    case Label: return row.label;
    default: return {};
    }
}

QVariant PaymentsModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid()) return {};
    const Row& row = m_rows[static_cast<size_t>(index.row())];
    switch (role) {
    case Qt::DisplayRole: return shown(row, index.column());
    case Qt::ToolTipRole:
        if (index.column() == Charged && row.charged) return exactMoney(*row.charged);
        return index.column() == App ? row.app : shown(row, index.column());
    case Qt::TextAlignmentRole:
        return QVariant::fromValue(index.column() == Charged ? Qt::Alignment(Qt::AlignRight | Qt::AlignVCenter)
                                                             : Qt::Alignment(Qt::AlignLeft | Qt::AlignVCenter));
    case searchRole: return row.search;
    case idRole: return row.id;
    case moneyRole: return row.charged ? QVariant(static_cast<qlonglong>(row.charged->eighths())) : QVariant();
    case sortRole:
        if (index.column() == When) return row.id;
        if (index.column() == Charged) return static_cast<qlonglong>(row.charged.value_or(Money::zero()).eighths());
        return shown(row, index.column());
    default: return {};
    }
}

QVariant PaymentsModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
    switch (section) {
    case When: return tr("When");
    case App: return tr("Application");
    case What: return tr("For");
    case To: return tr("To");
    case State: return tr("State");
    case Charged: return tr("Charged");
    case Why: return tr("Why");
    case Label: return tr("Label");
    default: return {};
    }
}

void PaymentsModel::setLabel(const QModelIndex& index, const QString& label) {
    if (!index.isValid()) return;
    const qulonglong id = m_rows[static_cast<size_t>(index.row())].id;
    m_link.call("PUT", "/v1/purchases/" + QString::number(id) + "/label", {{"label", label.toStdString()}}, this,
                [this, id, label](const ApiReply& reply) {
                    if (!reply.ok()) {
                        m_trouble = reply.message();
                        emit loaded();
                        return;
                    }
                    const auto row = find(id);
                    if (row == m_rows.end()) return;
                    row->label = label;
                    row->search = searchText(*row);
                    const QModelIndex cell = this->index(static_cast<int>(row - m_rows.begin()), Label);
                    emit dataChanged(cell, cell);
                });
}

}  // namespace netpas::ui
