// The first start: an ISP, a passphrase with recovery words, an envelope. Each can be left out. Nothing is done before the last page says what
// will be, and there it is done in one go; what failed can be mended and tried again. GUI's thread.
#pragma once

#include <QDialog>
#include <nlohmann/json.hpp>
#include <vector>

class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QStackedWidget;
class QVBoxLayout;

namespace netpas::ui {

class Desk;
class WordsQuiz;
class WordsTable;

class SetupDialog final : public QDialog {
    Q_OBJECT

public:
    explicit SetupDialog(Desk& desk, QWidget* parent);

protected:
    void reject() override;

private:
    enum Page { Isp, Protect, Envelope, Summary, Words, Quiz };
    // One request each.
    struct Task {
        QString what;
        QString method;
        QString path;
        nlohmann::json body;
        std::vector<QLineEdit*> secrets;  // wiped once it is done
    };

    QVBoxLayout* addPage(const QString& title, const QString& text);
    void addIsp();
    void addProtect();
    void addEnvelope();
    void addWords();
    void showPage(int page);
    void check();
    void back();
    void skip();
    void next();
    [[nodiscard]] std::vector<Task> tasks() const;
    void work(std::vector<Task> left);
    void askWords();

    Desk& m_desk;
    QStackedWidget* m_pages;
    QLineEdit *m_url, *m_passphrase, *m_again;
    std::vector<QLineEdit*> m_amounts;  // of the envelope's proposals
    std::vector<nlohmann::json> m_proposal;
    QLabel *m_summary, *m_said;
    QProgressBar* m_progress;
    WordsTable* m_words;
    WordsQuiz* m_quiz;
    QPushButton *m_cancel, *m_back, *m_skip, *m_next;
    bool m_joins = false, m_protects = false, m_budgets = false;  // what was not left out
    bool m_working = false;
    bool m_done = false;
    QByteArray m_secret;  // until the words have been asked for with it
};

}  // namespace netpas::ui
