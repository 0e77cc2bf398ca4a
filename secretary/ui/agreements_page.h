// Neighbours on the links of this machine, and the agreements with them about passing on packets (agreements note): what is promised, measured and
// verified, what is owed, and whether packets pass. GUI's thread.
#pragma once

#include <QWidget>
#include <functional>
#include <nlohmann/json.hpp>

class QLabel;
class QPushButton;
class QTableWidget;
class QTimer;

namespace netpas::ui {

class Desk;
struct ApiReply;

class AgreementsPage final : public QWidget {
    Q_OBJECT

public:
    explicit AgreementsPage(Desk& desk, QWidget* parent = nullptr);

protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    void reload();
    void showNeighbours(const nlohmann::json& all);
    void showAgreements(const nlohmann::json& list);
    void showButtons();
    void offer(const char* direction);
    void answer(const char* what);
    // A question with a safe answer, which has the focus; `act` on the other.
    void confirm(const char* name, const QString& question, const QString& yes, const std::function<void()>& act);
    void say(const ApiReply& reply, const QString& good);
    [[nodiscard]] nlohmann::json selected(const QTableWidget* table, const nlohmann::json& list) const;

    Desk& m_desk;
    QLabel *m_standing, *m_none, *m_said;
    QTableWidget *m_neighbours, *m_agreements;
    QPushButton *m_offerUp, *m_offerDown, *m_accept, *m_end;
    QTimer* m_again;
    nlohmann::json m_known, m_list;  // as shown
};

}  // namespace netpas::ui
