#include "secretary/ui/contacts_page.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

#include "secretary/ui/desk.h"
#include "secretary/ui/parts.h"
#include "secretary/ui/said.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr int idRole = Qt::UserRole;

QString joined(const json& list) {
    QStringList words;
    if (!list.is_array()) return {};
    for (const json& word : list) {
        if (word.is_string()) words << QString::fromStdString(word.get<std::string>());
    }
    return words.join(u", ");
}

}  // namespace

ContactsPage::ContactsPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    all->addWidget(new QLabel(tr("Contacts")));
    m_contacts = makeTable("contacts", tr("contacts"),
                           {tr("Name"), tr("Groups"), tr("Sites"), tr("Addresses"), tr("Note")}, {20, 16, 22, 20, 20});
    all->addWidget(m_contacts, 1);
    auto* const line = new QHBoxLayout;
    const auto edit = [&](const char* name, const QString& hint) {
        auto* const made = new QLineEdit;
        made->setObjectName(name);
        made->setPlaceholderText(hint);
        made->setAccessibleName(hint);
        line->addWidget(made);
        return made;
    };
    m_name = edit("name", tr("Name"));
    m_site = edit("site", tr("Site, such as example.net"));
    m_group = edit("group", tr("Group, such as family"));
    auto* const adds = addButton(line, "add", tr("&Add"));
    m_remove = addButton(line, "remove", tr("&Remove"));
    all->addLayout(line);
    all->addWidget(new QLabel(tr("Payees with a certificate")));
    m_payees = makeTable("payees", tr("payees"), {tr("Name"), tr("Classes"), tr("May be paid"), tr("Identifier")},
                         {20, 20, 24, 20});
    all->addWidget(m_payees, 1);
    all->addWidget(m_said = makeLabel("said"));
    connect(adds, &QPushButton::clicked, this, &ContactsPage::add);
    connect(m_remove, &QPushButton::clicked, this, &ContactsPage::remove);
    connect(&desk, &Desk::stateChanged, this, [this] {
        if (isVisible()) reload();
    });
}

void ContactsPage::showEvent(QShowEvent*) { reload(); }

void ContactsPage::reload() {
    if (m_desk.state() != Desk::State::Open) return;
    m_desk.link().get("/v1/contacts", this, [this](const ApiReply& reply) {
        if (reply.ok()) return showContacts(at(reply.body, {"contacts"}));
        m_said->setText(reply.message());
    });
    m_desk.link().get("/v1/payees", this, [this](const ApiReply& reply) {
        if (reply.ok()) showPayees(at(reply.body, {"payees"}));
    });
}

void ContactsPage::showContacts(const json& list) {
    m_contacts->setRowCount(list.is_array() ? static_cast<int>(list.size()) : 0);
    for (int row = 0; row < m_contacts->rowCount(); ++row) {
        const json& contact = list[static_cast<size_t>(row)];
        auto* const name = new QTableWidgetItem(textAt(contact, "name"));
        name->setData(idRole, textAt(contact, "id"));
        m_contacts->setItem(row, 0, name);
        int column = 1;
        for (const char* const part : {"groups", "domains", "addresses"}) {
            m_contacts->setItem(row, column++, new QTableWidgetItem(joined(at(contact, {part}))));
        }
        m_contacts->setItem(row, column, new QTableWidgetItem(textAt(contact, "note")));
    }
    m_remove->setEnabled(m_contacts->rowCount() > 0);
}

void ContactsPage::showPayees(const json& list) {
    m_payees->setRowCount(list.is_array() ? static_cast<int>(list.size()) : 0);
    for (int row = 0; row < m_payees->rowCount(); ++row) {
        const json& payee = list[static_cast<size_t>(row)];
        const QString problem = said(textAt(at(payee, {"problem"}), "message"));
        m_payees->setItem(row, 0, new QTableWidgetItem(textAt(payee, "name")));
        m_payees->setItem(row, 1, new QTableWidgetItem(joined(at(payee, {"classes"}))));
        m_payees->setItem(row, 2, new QTableWidgetItem(problem.isEmpty() ? tr("yes") : problem));
        m_payees->setItem(row, 3, new QTableWidgetItem(textAt(payee, "payee")));
    }
}

void ContactsPage::add() {
    json body{{"name", m_name->text().trimmed().toStdString()}};
    if (const QString site = m_site->text().trimmed(); !site.isEmpty()) body["domains"] = {site.toStdString()};
    if (const QString group = m_group->text().trimmed(); !group.isEmpty()) body["groups"] = {group.toStdString()};
    m_desk.link().call("POST", "/v1/contacts", body, this, [this](const ApiReply& reply) {
        m_said->setText(reply.ok() ? tr("The contact is kept.") : reply.message() + u'\n' + reply.hint());
        if (!reply.ok()) return;
        for (QLineEdit* const edit : {m_name, m_site, m_group}) edit->clear();
        reload();
    });
}

void ContactsPage::remove() {
    const auto rows = m_contacts->selectionModel()->selectedRows();
    if (rows.isEmpty()) return;
    const QString id = rows.front().data(idRole).toString();
    m_desk.link().call("DELETE", "/v1/contacts/" + encoded(id), nullptr, this, [this](const ApiReply& reply) {
        m_said->setText(reply.ok() ? tr("The contact is removed.") : reply.message());
        reload();
    });
}

}  // namespace netpas::ui
