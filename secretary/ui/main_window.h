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
class PathsPage;
class Prompter;
class Tray;

class MainWindow final : public QMainWindow {
    Q_OBJECT

public:
    explicit MainWindow(Desk& desk, QWidget* parent = nullptr);
    ~MainWindow() override;

    [[nodiscard]] QStringList pageNames() const;  // as in the list
    [[nodiscard]] QWidget* page(int index) const;
    void showPage(int index);
    [[nodiscard]] int currentPage() const;
    // The page of ways and offers, and what is sold on the way to this address.
    void showWay(const QString& to);

    // In front of the others, because somebody wants it.
    void present();

signals:
    void themeWanted(const QString& theme);        // system, light, dark
    void languageWanted(const QString& language);  // system, de, en
    void quitWanted();                             // it was closed, and does not stay in the tray

protected:
    void changeEvent(QEvent* event) override;
    void closeEvent(QCloseEvent* event) override;

private:
    // A page is a widget and a name; where it stands in the list is where it is added.
    template <typename Page>
    Page* addPage(const QString& name);
    void addTray();
    void setUp();
    void setUpAtFirst();
    void showState();
    void unlock();
    void switchPause();

    Desk& m_desk;
    std::unique_ptr<Prompter> m_prompter;
    Tray* m_tray;
    QListWidget* m_list;
    QStackedWidget* m_pages;
    int m_questions = 0;  // the page's place in the list
    PathsPage* m_paths;
    QWidget* m_banner;
    QLabel* m_trouble;
    QPushButton *m_unlock, *m_pause;
};

}  // namespace netpas::ui
