// Tests that drive the real window against a real agent in a lab of their own. They run in the lab's owner process, so that both end together.
#pragma once

#include <unistd.h>

#include <QApplication>
#include <QPushButton>
#include <QtTest>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/payment_parties.h"
#include "app/lab/session.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/main_window.h"
#include "secretary/ui/prompt_dialog.h"

namespace netpas::test {

using lab::Json;

inline constexpr const char* host = "b";  // whose agent it is
inline constexpr const char* peer = "a";
inline constexpr int patience = 15000;
inline constexpr int guardTime = 750;

// One window, as its program composes it.
class Window {
public:
    explicit Window(const std::string& agentSocket)
        : link([agentSocket](const std::string& path) -> net::HttpTarget {
              const bool ofAgent = path.starts_with("/v1/quotes") || path.starts_with("/v1/measurements");
              const std::filesystem::path socket = agentSocket;
              return net::UnixTarget{ofAgent ? socket : socket.parent_path() / "secretary.sock"};
          }),
          desk(link),
          window(desk) {
        window.show();
    }
    template <typename Widget>
    Widget* find(const char* name) {
        return window.findChild<Widget*>(name);
    }
    template <typename Page>
    Page* showPage() {
        for (int i = 0; i < window.pageNames().size(); ++i) {
            if (auto* const page = qobject_cast<Page*>(window.page(i))) {
                window.showPage(i);
                return page;
            }
        }
        return nullptr;
    }
    ui::PromptDialog* prompt() { return window.findChild<ui::PromptDialog*>("prompt"); }
    QPushButton* answer(const char* name) { return prompt()->findChild<QPushButton*>(name); }

    ui::ApiLink link;
    ui::Desk desk;
    ui::MainWindow window;
};

class LabTest : public QObject {
public:
    lab::Lab* m_lab = nullptr;

protected:
    [[nodiscard]] std::string socket() const { return lab::agentSocket(m_lab->name(), host); }
    [[nodiscard]] std::string peerAddress() const { return m_lab->plan().address(peer, false)->toString(); }
    // What the command says; null when it refused.
    Json netpas(const std::vector<std::string>& arguments) {
        const auto said = lab::netpas(*m_lab, host, arguments);
        return said ? *said : Json();
    }
    // This program asks in a person's name for what no rule decides. Its cap is the price for ten minutes.
    void ask(const std::string& purpose, const std::string& cap = "0.03") {
        if (!m_asker)
            m_asker = std::make_unique<ui::ApiLink>([this](const std::string&) { return net::UnixTarget{socket()}; });
        Json body{{"to", peerAddress()}, {"cap", cap}, {"duration_s", 600}, {"purpose", purpose}, {"attended", true}};
        body.update({{"protocol", "udp"}, {"to_port", ++m_port}});  // a flow of its own
        m_asker->call("POST", "/v1/purchases", body, this, [purpose](const ui::ApiReply& reply) {
            if (!reply.ok()) qInfo("%s: %s %s", purpose.c_str(), qPrintable(reply.code()), qPrintable(reply.message()));
        });
    }
    // Of what is open, those for this purpose.
    size_t bought(const std::string& purpose) {
        size_t count = 0;
        for (const Json& one : netpas({"purchases"}).value("purchases", Json::array()))
            if (one.value("purpose", Json()) == purpose && one.value("state", "") == "active") ++count;
        return count;
    }
    Json rules() { return netpas({"rules", "list"}).value("rules", Json::array()); }

private:
    std::unique_ptr<ui::ApiLink> m_asker;
    int m_port = 7000;
};

// 77: skipped.
template <typename Test>
int runInLab(int argc, char** argv, const char* topologyName) {
    if (::geteuid() != 0) {
        std::puts("skipped: network namespaces need root");
        return 77;
    }
    ::setenv("PATH", (std::string(NETPAS_PROGRAMS ":") + std::getenv("PATH")).c_str(), 1);
    const auto topology = lab::loadTopology(topologyName);
    if (!topology) return std::fprintf(stderr, "%s\n", topology.error().text.c_str()), 1;
    lab::SessionOptions session;
    session.name = "ui" + std::to_string(::getpid());
    const auto status = lab::runSession(session, *topology, [&](lab::Lab& lab) {
        ::setenv("XDG_CONFIG_HOME", (lab.folder() + "/host/b").c_str(), 1);
        QApplication app(argc, argv);
        QApplication::setOrganizationName("netpas");
        QApplication::setApplicationName("netpas-secretary");
        Test test;
        test.m_lab = &lab;
        return QTest::qExec(&test, argc, argv);
    });
    if (!status) std::fprintf(stderr, "%s\n", status.error().text.c_str());
    return status ? *status : 1;
}

}  // namespace netpas::test
