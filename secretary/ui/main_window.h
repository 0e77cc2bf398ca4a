// The window: a list of pages, the page, and what stands in the way on top of it. GUI's thread.
#pragma once

#include <QMainWindow>
#include <memory>

class QLabel;
class QListWidget;
class QPushButton;
class QStackedWidget;

namespace netpas::ui {

class Desk;
class Prompter;

class MainWindow final : public QMainWindow {
    Q_OBJECT

public:
    explicit MainWindow(Desk& desk, QWidget* parent = nullptr);
    ~MainWindow() override;

    [[nodiscard]] QStringList pageNames() const;  // as in the list
    void showPage(int index);

signals:
    void themeWanted(const QString& theme);  // system, light, dark

protected:
    void changeEvent(QEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void addPage(const QString& name, QWidget* page);
    void showState();
    void unlock();
    void setMode(const char* mode);

    Desk& m_desk;
    std::unique_ptr<Prompter> m_prompter;
    QListWidget* m_list;
    QStackedWidget* m_pages;
    QWidget* m_banner;
    QLabel* m_trouble;
    QPushButton *m_unlock, *m_pause;
};

}  // namespace netpas::ui
