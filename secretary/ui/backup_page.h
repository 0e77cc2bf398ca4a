// What restores what: recovery words the identity, a backup file everything else. GUI's thread.
#pragma once

#include <QWidget>
#include <functional>
#include <nlohmann/json.hpp>

class QLabel;
class QProgressBar;
class QPushButton;

namespace netpas::ui {

class BackupTransfer;
class Desk;

class BackupPage final : public QWidget {
    Q_OBJECT

public:
    explicit BackupPage(Desk& desk, QWidget* parent = nullptr);

private:
    void showState();
    void makeBackup();
    void restoreBackup();
    void upload(const QString& file, const QString& passphrase, bool force);
    void restored(const nlohmann::json& plan);
    void askWords();
    void typeWords();
    void restoreWords(const QString& words, bool force);
    void begin(BackupTransfer* transfer);
    void end(const QString& said);
    void confirm(const QString& what, std::function<void()> then);

    Desk& m_desk;
    QPushButton *m_make, *m_restore, *m_words, *m_fromWords, *m_cancel;
    QProgressBar* m_progress;
    QLabel* m_said;
};

}  // namespace netpas::ui
