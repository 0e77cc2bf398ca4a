#include "secretary/ui/rule_sentence.h"

#include <QComboBox>
#include <QDateTimeEdit>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <algorithm>
#include <array>

#include "secretary/ui/api_link.h"
#include "secretary/ui/api_words.h"
#include "secretary/ui/flow_layout.h"
#include "secretary/ui/money_text.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr int usualDays = 30;

QLabel* word(const QString& text, QLayout* layout) {
    auto* const label = new QLabel(text);
    layout->addWidget(label);
    return label;
}

}  // namespace

RuleSentence::RuleSentence(QWidget* parent) : QWidget(parent) {
    auto* const line = new FlowLayout(this);
    word(tr("Up to"), line);
    m_amount = new QLineEdit;
    m_amount->setObjectName("amount");
    m_amount->setAccessibleName(tr("the most that the rule allows"));
    m_amount->setMaximumWidth(fontMetrics().averageCharWidth() * 14);
    line->addWidget(m_amount);
    m_per = word({}, line);
    word(tr("for"), line);
    line->addWidget(m_purpose = addPart("purpose", tr("anything")));
    m_purpose->setAccessibleName(tr("for what"));
    word(tr("in"), line);
    line->addWidget(m_app = addPart("app", tr("any program")));
    m_app->setAccessibleName(tr("in which program"));
    word(tr("from"), line);
    line->addWidget(m_from = addPart("from", tr("anywhere")));
    m_from->setAccessibleName(tr("from whom"));
    word(tr("until"), line);
    m_lifetime = new QComboBox;
    m_lifetime->setObjectName("lifetime");
    m_lifetime->setAccessibleName(tr("for how long"));
    m_lifetime->addItem(tr("this program exits"), "app-exit");
    m_lifetime->addItem(tr("an hour has passed"), "hour");
    m_lifetime->addItem(tr("today ends"), "today");
    m_lifetime->addItem(tr("a date"), "until");
    m_lifetime->addItem(tr("you take it back"), "always");
    line->addWidget(m_lifetime);
    m_until = new QDateTimeEdit(QDateTime::currentDateTime().addDays(usualDays));
    m_until->setObjectName("until");
    m_until->setAccessibleName(tr("the date"));
    m_until->setCalendarPopup(true);
    m_until->setMinimumDateTime(QDateTime::currentDateTime());
    m_until->setVisible(false);
    line->addWidget(m_until);
    connect(m_lifetime, &QComboBox::currentIndexChanged, this, [this] {
        m_until->setVisible(m_lifetime->currentData() == "until");
        emit changed();
    });
    connect(m_amount, &QLineEdit::textChanged, this, &RuleSentence::changed);
}

QComboBox* RuleSentence::addPart(const char* name, const QString& anything) {
    auto* const box = new QComboBox;
    box->setObjectName(name);
    box->addItem(anything, QString());
    connect(box, &QComboBox::currentIndexChanged, this, &RuleSentence::changed);
    return box;
}

void RuleSentence::setPart(QComboBox* box, const QString& word, const QString& shown, bool chosen) {
    if (box->count() > 1 && box->itemData(1).toString() == word) return;
    const QSignalBlocker quiet(box);
    while (box->count() > 1) box->removeItem(1);
    if (!word.isEmpty()) box->addItem(shown, word);
    box->setCurrentIndex(chosen && box->count() > 1 ? 1 : 0);
}

void RuleSentence::setQuestion(const json& question) {
    const json claim = at(question, {"claim"}), suggestion = at(question, {"suggestion"});
    const json parts = at(suggestion, {"match"});
    const auto suggested = [&](const char* part) {
        return parts.is_array() && std::find(parts.begin(), parts.end(), part) != parts.end();
    };
    const auto upTo = moneyFrom(at(suggestion, {"up_to"}));
    const QString amount = upTo ? moneyText(*upTo, Amount::Cost) : QString();
    if (m_amount->text().isEmpty() || !m_amount->isModified()) m_amount->setText(amount);
    m_per->setText(textAt(at(question, {"cost"}), "per") == QLatin1String("minute") ? tr("a minute") : tr("each time"));
    const QString purpose = textAt(claim, "purpose");
    setPart(m_purpose, purpose, wordFor(purpose), suggested("purpose"));
    const json who = at(question, {"who"});
    setPart(m_app, textAt(who, "executable"), textAt(who, "name"), suggested("app"));
    for (const char* const part : {"contact", "group", "domain", "payee"}) {
        const QString name = textAt(claim, part);
        if (name.isEmpty()) continue;
        m_fromPart = QString::fromLatin1(part);
        constexpr int longest = 24;
        setPart(m_from, name, name.size() > longest ? name.left(longest) + u'…' : name, suggested(part));
        break;
    }
    const int lifetime = m_lifetime->findData(textAt(suggestion, "lifetime"));
    if (!m_lifetime->property("touched").toBool() && lifetime >= 0) m_lifetime->setCurrentIndex(lifetime);
    m_lifetime->setProperty("touched", true);
}

std::optional<json> RuleSentence::rule() const {
    const auto amount = moneyTyped(m_amount->text());
    if (!amount || *amount == Money::zero()) return std::nullopt;
    json match = json::array();
    if (!m_purpose->currentData().toString().isEmpty()) match.push_back("purpose");
    if (!m_app->currentData().toString().isEmpty()) match.push_back("app");
    if (!m_from->currentData().toString().isEmpty()) match.push_back(m_fromPart.toStdString());
    json rule{{"match", match},
              {"up_to", amount->toString()},
              {"lifetime", m_lifetime->currentData().toString().toStdString()}};
    if (m_lifetime->currentData() == "until") {
        rule["until"] = m_until->dateTime().toUTC().toString(Qt::ISODate).toStdString();
    }
    return rule;
}

}  // namespace netpas::ui
