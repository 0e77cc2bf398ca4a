#include "secretary/ui/payments_model.h"

#include <QLocale>
#include <utility>

#include "secretary/ui/money_text.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr int pageSize = 2000;

QString baseName(const QString& path) { return path.section(u'/', -1); }

}  // namespace

PaymentsModel::PaymentsModel(ApiLink& link, QObject* parent) : QAbstractTableModel(parent), m_link(link) {}

void PaymentsModel::reload() {
    if (m_loading) return;
    m_loading = true;
    m_trouble.clear();
    askPage({}, {});
}

void PaymentsModel::askPage(const QString& before, std::vector<Row> sofar) {
    QString path = "/v1/history?limit=" + QString::number(pageSize);
    if (!before.isEmpty()) path += "&before=" + before;
    m_link.get(path, this, [this, sofar = std::move(sofar)](const ApiReply& reply) mutable {
        if (!reply.ok()) {
            m_loading = false;
            m_trouble = reply.message();
            emit loaded();
            return;
        }
        const json entries = at(reply.body, {"entries"});
        sofar.reserve(sofar.size() + entries.size());
        for (const json& entry : entries) sofar.push_back(rowFrom(entry));
        if (static_cast<int>(entries.size()) == pageSize && !sofar.empty()) {
            const QString oldest = QString::number(sofar.back().id);
            return askPage(oldest, std::move(sofar));
        }
        beginResetModel();
        m_rows = std::move(sofar);
        endResetModel();
        m_loading = false;
        emit loaded();
    });
}

PaymentsModel::Row PaymentsModel::rowFrom(const json& entry) {
    Row row;
    row.id = textAt(entry, "id").toULongLong();
    row.when = QDateTime::fromString(textAt(entry, "requested_at"), Qt::ISODateWithMs).toLocalTime();
    row.app = textAt(entry, "app");
    row.what = textAt(entry, "purpose");
    row.to = textAt(entry, "contact");
    for (const char* const name : {"domain", "payee"}) {
        if (row.to.isEmpty()) row.to = textAt(entry, name);
    }
    if (row.to.isEmpty()) row.to = textAt(entry, "flow").section("-> ", 1).section(u':', 0, -2);
    row.state = textAt(entry, "state");
    if (const QString reason = textAt(entry, "reason"); !reason.isEmpty()) row.state += ", " + reason;
    row.why = textAt(entry, "why");
    row.label = textAt(entry, "label");
    row.charged = moneyFrom(at(entry, {"charged"}));
    row.search = (row.app + u' ' + row.what + u' ' + row.to + u' ' + row.state + u' ' + row.label).toLower();
    return row;
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
    case Charged: return row.charged ? moneyText(*row.charged, Amount::Cost) : tr("not yet");
    case Why: return row.why;
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
                    for (size_t i = 0; i < m_rows.size(); ++i) {
                        if (m_rows[i].id != id) continue;
                        m_rows[i].label = label;
                        const QModelIndex cell = this->index(static_cast<int>(i), Label);
                        emit dataChanged(cell, cell);
                    }
                });
}

}  // namespace netpas::ui
