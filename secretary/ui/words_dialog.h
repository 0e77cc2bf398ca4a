// Recovery words: shown to be written on paper, asked back, or typed in from the paper. GUI's thread.
#pragma once

#include <QWidget>

#include <vector>

class QGridLayout;
class QLabel;
class QLineEdit;

namespace netpas::ui {

// The words in columns, numbered.
class WordsTable final : public QWidget {
    Q_OBJECT

public:
    explicit WordsTable(QWidget* parent = nullptr);
    void setWords(const QStringList& words);

private:
    QGridLayout* m_grid;
};

// Some of them, asked back, so that nobody only believes to have written them down.
class WordsQuiz final : public QWidget {
    Q_OBJECT

public:
    explicit WordsQuiz(QWidget* parent = nullptr);
    void setWords(const QStringList& words);
    [[nodiscard]] bool isRight() const;

signals:
    void changed();

private:
    QStringList m_words;
    std::vector<int> m_asked;  // places in the list
    std::vector<QLabel*> m_labels;
    std::vector<QLineEdit*> m_edits;
};

// Both in a dialog.
void showWords(const QString& words, QWidget* parent);

}  // namespace netpas::ui
