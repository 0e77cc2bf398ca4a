// Asks for a passphrase; twice where a new one is made. What was typed is gone from the fields afterwards. GUI's thread.
#pragma once

#include <QDialog>

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace netpas::ui {

class SecretDialog final : public QDialog {
    Q_OBJECT

public:
    enum class Kind { Known, New };
    // `ask`: what for, in a sentence or two.
    SecretDialog(const QString& title, const QString& ask, Kind kind, QWidget* parent);
    // A choice that goes with it.
    void addChoice(const QString& text);
    [[nodiscard]] bool chosen() const;

signals:
    void given(const QString& secret);

private:
    void check();
    void give();

    Kind m_kind;
    QLineEdit *m_first, *m_again = nullptr;
    QLabel* m_said;
    QCheckBox* m_choice;
    QPushButton* m_ok;
};

}  // namespace netpas::ui
