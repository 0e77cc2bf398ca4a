// Whom the user knows, and whom they may pay. GUI's thread.
#pragma once

#include <QWidget>
#include <nlohmann/json.hpp>

class QLabel;
class QLineEdit;
class QPushButton;
class QTableWidget;

namespace netpas::ui {

class Desk;

class ContactsPage final : public QWidget {
    Q_OBJECT

public:
    explicit ContactsPage(Desk& desk, QWidget* parent = nullptr);

protected:
    void showEvent(QShowEvent* event) override;

private:
    void reload();
    void showContacts(const nlohmann::json& list);
    void showPayees(const nlohmann::json& list);
    void add();
    void remove();

    Desk& m_desk;
    QTableWidget *m_contacts, *m_payees;
    QLineEdit *m_name, *m_site, *m_group;
    QPushButton* m_remove;
    QLabel* m_said;
};

}  // namespace netpas::ui
