#include "secretary/ui/words_dialog.h"

#include <QDialog>
#include <QDialogButtonBox>
#include <QFontDatabase>
#include <QFormLayout>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRandomGenerator>
#include <QVBoxLayout>
#include <algorithm>

namespace netpas::ui {

namespace {

constexpr int columns = 4;
constexpr int asked = 3;

}  // namespace

WordsTable::WordsTable(QWidget* parent) : QWidget(parent), m_grid(new QGridLayout(this)) {
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(fontMetrics().averageCharWidth() * 3);
}

void WordsTable::setWords(const QStringList& words) {
    while (QLayoutItem* const item = m_grid->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    const QFont plain = QFontDatabase::systemFont(QFontDatabase::FixedFont);
    const int rows = (static_cast<int>(words.size()) + columns - 1) / columns;
    for (int i = 0; i < words.size(); ++i) {
        auto* const word = new QLabel(tr("%1. %2").arg(i + 1, 2).arg(words[i]));
        word->setFont(plain);
        word->setTextFormat(Qt::PlainText);
        m_grid->addWidget(word, i % rows, i / rows);
    }
    setAccessibleName(tr("recovery words"));
    setAccessibleDescription(words.join(u' '));
}

WordsQuiz::WordsQuiz(QWidget* parent) : QWidget(parent) {
    auto* const form = new QFormLayout(this);
    form->setContentsMargins(0, 0, 0, 0);
    for (int i = 0; i < asked; ++i) {
        m_labels.push_back(new QLabel);
        m_edits.push_back(new QLineEdit);
        m_edits.back()->setObjectName("word" + QString::number(i));
        m_labels.back()->setBuddy(m_edits.back());
        form->addRow(m_labels.back(), m_edits.back());
        connect(m_edits.back(), &QLineEdit::textChanged, this, &WordsQuiz::changed);
    }
}

void WordsQuiz::setWords(const QStringList& words) {
    m_words = words;
    m_asked.clear();
    while (static_cast<int>(m_asked.size()) < std::min(asked, static_cast<int>(words.size()))) {
        const int place = QRandomGenerator::global()->bounded(static_cast<int>(words.size()));
        if (std::find(m_asked.begin(), m_asked.end(), place) == m_asked.end()) m_asked.push_back(place);
    }
    std::sort(m_asked.begin(), m_asked.end());
    for (size_t i = 0; i < m_asked.size(); ++i) {
        m_labels[i]->setText(tr("Word number %1").arg(m_asked[i] + 1));
        m_edits[i]->clear();
    }
}

bool WordsQuiz::isRight() const {
    for (size_t i = 0; i < m_asked.size(); ++i) {
        if (m_edits[i]->text().trimmed().toLower() != m_words[m_asked[i]]) return false;
    }
    return !m_asked.empty();
}

void showWords(const QString& words, QWidget* parent) {
    auto* const dialog = new QDialog(parent);
    dialog->setObjectName("words");
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(WordsTable::tr("Recovery words"));
    auto* const all = new QVBoxLayout(dialog);
    auto* const text =
        new QLabel(WordsTable::tr("Write them on paper, in this order. They restore your identity, and so does "
                                  "whoever reads them."));
    text->setWordWrap(true);
    all->addWidget(text);
    auto* const table = new WordsTable;
    const QStringList list = words.split(u' ', Qt::SkipEmptyParts);
    table->setWords(list);
    all->addWidget(table);
    all->addWidget(new QLabel(WordsTable::tr("From the paper:")));
    auto* const quiz = new WordsQuiz;
    quiz->setWords(list);
    quiz->hide();
    auto* const buttons = new QDialogButtonBox;
    auto* const hide = buttons->addButton(WordsTable::tr("&I wrote them down"), QDialogButtonBox::ActionRole);
    hide->setObjectName("written");
    auto* const right = buttons->addButton(WordsTable::tr("&Done"), QDialogButtonBox::AcceptRole);
    right->setObjectName("right");
    right->setEnabled(false);
    buttons->addButton(QDialogButtonBox::Cancel);
    QWidget* const fromPaper = all->itemAt(all->count() - 1)->widget();
    fromPaper->hide();
    all->addWidget(quiz);
    all->addWidget(buttons);
    QObject::connect(hide, &QPushButton::clicked, dialog, [=] {
        table->setVisible(!table->isVisible());
        quiz->setVisible(!table->isVisible());
        fromPaper->setVisible(quiz->isVisible());
        hide->setText(table->isVisible() ? WordsTable::tr("&I wrote them down") : WordsTable::tr("&Show them again"));
    });
    QObject::connect(quiz, &WordsQuiz::changed, dialog, [=] { right->setEnabled(quiz->isRight()); });
    QObject::connect(buttons, &QDialogButtonBox::accepted, dialog, &QDialog::accept);
    QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
    dialog->open();
}

}  // namespace netpas::ui
