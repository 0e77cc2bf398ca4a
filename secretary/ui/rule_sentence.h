// The rule that an answer would make, as a sentence whose words can be changed in place: "Up to [1 ¢] a minute for [video] in [mpv] from
// [example.net] until [this session ends]". GUI's thread.
#pragma once

#include <QWidget>
#include <nlohmann/json.hpp>
#include <optional>

class QComboBox;
class QDateTimeEdit;
class QLabel;
class QLineEdit;

namespace netpas::ui {

class RuleSentence final : public QWidget {
    Q_OBJECT

public:
    explicit RuleSentence(QWidget* parent = nullptr);

    // Of /v1/pending. What was edited is kept when only other parts of the question changed.
    void setQuestion(const nlohmann::json& question);
    // Members of the answer: match, up_to, lifetime, until. Nothing while an amount is no amount.
    [[nodiscard]] std::optional<nlohmann::json> rule() const;

signals:
    void changed();

private:
    // A word of the question, or anything.
    QComboBox* addPart(const char* name, const QString& anything);
    void setPart(QComboBox* box, const QString& word, const QString& shown, bool chosen);

    QLineEdit* m_amount;
    QLabel* m_per;
    QComboBox *m_purpose, *m_app, *m_from, *m_lifetime;
    QDateTimeEdit* m_until;
    QString m_fromPart;  // domain, contact, group or payee
};

}  // namespace netpas::ui
