// Modes, budgets, protection, and how the window looks. GUI's thread.
#pragma once

#include <QWidget>
#include <nlohmann/json.hpp>

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QTableWidget;
class QVBoxLayout;

namespace netpas::ui {

class Desk;

class SettingsPage final : public QWidget {
    Q_OBJECT

public:
    explicit SettingsPage(Desk& desk, QWidget* parent = nullptr);

protected:
    void showEvent(QShowEvent* event) override;

signals:
    void themeWanted(const QString& theme);        // system, light, dark
    void languageWanted(const QString& language);  // system, de, en

private:
    void addMode(QVBoxLayout* all);
    void addBudgets(QVBoxLayout* all);
    void addProtection(QVBoxLayout* all);
    void addLooks(QVBoxLayout* all);
    void showMode();
    void showBudgets();
    void setBudget();
    void removeBudget();
    void answerEnvelope(bool accept);
    void setPassphrase();
    void send(const char* method, const QString& path, const nlohmann::json& body, const QString& good);

    Desk& m_desk;
    QComboBox *m_mode, *m_period, *m_theme;
    QWidget* m_envelope;
    QLabel *m_proposal, *m_said;
    QTableWidget* m_budgets;
    QLineEdit *m_amount, *m_present, *m_fresh, *m_again;
    QPushButton *m_remove, *m_lock;
};

}  // namespace netpas::ui
