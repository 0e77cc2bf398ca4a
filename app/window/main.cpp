// netpas-secretary: the secretary's window.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <QApplication>
#include <QLocale>
#include <QSettings>
#include <QStyle>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "app/cli/remote_agent.h"
#include "secretary/ui/colours.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/main_window.h"
#include "secretary/ui/screenshots.h"
#include "secretary/ui/translations.h"

namespace {

struct Given {
    std::string socket = "/run/netpas/netpasd.sock";
    std::string secretary;    // empty: beside the other one
    std::string agent;        // a paired one on another machine, by its name here
    std::string language;     // empty: as in the settings
    std::string theme;        // empty: as in the settings
    std::string screenshots;  // a folder
    std::string to;           // an address
};

bool beginsWithOneOf(const std::string& path, std::initializer_list<const char*> beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(), [&](const char* one) { return path.starts_with(one); });
}

// The secretary in person where this user may use its door, the agent for what only it knows. Secrets are told to nobody but the secretary.
netpas::ui::ApiLink::Route routeOf(const Given& given) {
    const std::filesystem::path agent = given.socket;
    const std::filesystem::path secretary =
        given.secretary.empty() ? agent.parent_path() / "secretary.sock" : std::filesystem::path(given.secretary);
    return [agent, secretary](const std::string& path) -> netpas::net::HttpTarget {
        if (beginsWithOneOf(path, {"/v1/services", "/v1/quotes", "/v1/door", "/v1/measurements"})) {
            return netpas::net::UnixTarget{agent};
        }
        const bool secret = beginsWithOneOf(
            path, {"/v1/unlock", "/v1/passphrase", "/v1/recovery-words", "/v1/identity", "/v1/backup", "/v1/restore"});
        const bool inPerson = secret || ::access(secretary.c_str(), R_OK | W_OK) == 0;
        return netpas::net::UnixTarget{inPerson ? secretary : agent};
    };
}

// One door for everything. What a paired machine may is the other's to say; secrets do not go there.
netpas::ui::ApiLink::Route routeTo(const netpas::cli::RemoteAgent& agent) {
    return [&agent](const std::string&) -> netpas::net::HttpTarget {
        return netpas::net::TlsTarget{agent.at, agent.key, agent.identity.get()};
    };
}

int fail(const std::string& text) {
    std::fprintf(stderr, "netpas-secretary: %s\n", text.c_str());
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    Given given;
    CLI::App options{"The secretary's window: what is bought, why, what it brings and what it costs.",
                     "netpas-secretary"};
    options.set_version_flag("--version", std::string("netpas-secretary ") + NETPAS_VERSION);
    options.add_option("--socket", given.socket, "the agent's local API")
        ->envname("NETPAS_SOCKET")
        ->capture_default_str();
    options.add_option("--secretary-socket", given.secretary, "the secretary's own door; beside the other one")
        ->envname("NETPAS_SECRETARY_SOCKET");
    options.add_option("--agent", given.agent, "a modem's agent that this machine is paired with, by its name here")
        ->envname("NETPAS_AGENT");
    options.add_option("--language", given.language, "de, en, or as the desktop has it")
        ->check(CLI::IsMember({"system", "de", "en"}));
    options.add_option("--theme", given.theme, "light, dark, or as the desktop has it")
        ->check(CLI::IsMember({"system", "light", "dark"}));
    options.add_option("--screenshots", given.screenshots, "write pictures of every page into this folder, and end")
        ->check(CLI::ExistingDirectory);
    options.add_option("--to", given.to, "show the way to this address, and what is sold on it");
    options.allow_extras();  // Qt's own
    CLI11_PARSE(options, argc, argv);
    QApplication app(argc, argv);
    QApplication::setOrganizationName("netpas");
    QApplication::setApplicationName("netpas-secretary");
    QApplication::setDesktopFileName("netpas-secretary");
    const QString usualStyle = QApplication::style()->name();
    const auto wear = [usualStyle](const QString& theme) {
        const bool own = theme == "light" || theme == "dark";
        QApplication::setStyle(own ? QStringLiteral("Fusion") : usualStyle);
        QApplication::setPalette(theme == "dark"    ? netpas::ui::darkPalette()
                                 : theme == "light" ? netpas::ui::lightPalette()
                                                    : QApplication::style()->standardPalette());
    };
    wear(given.theme.empty() ? QSettings().value("theme", "system").toString() : QString::fromStdString(given.theme));
    netpas::ui::speak(given.language.empty() ? QSettings().value("language", "system").toString()
                                             : QString::fromStdString(given.language));
    if (!netpas::initCrypto()) return fail("cryptography cannot start");
    const auto remote = given.agent.empty() ? tl::unexpected(std::string{}) : netpas::cli::loadRemote(given.agent);
    if (!given.agent.empty() && !remote) return fail(remote.error() + "; netpas pair request URL --name NAME");
    netpas::ui::ApiLink link(remote ? routeTo(*remote) : routeOf(given));
    netpas::ui::Desk desk(link);
    // Closing a dialog while the window is in the tray ends nothing.
    QApplication::setQuitOnLastWindowClosed(false);
    std::unique_ptr<netpas::ui::MainWindow> window;
    const std::function<void()> open = [&] {
        window = std::make_unique<netpas::ui::MainWindow>(desk);
        QObject::connect(window.get(), &netpas::ui::MainWindow::themeWanted, wear);
        QObject::connect(window.get(), &netpas::ui::MainWindow::quitWanted, &app, &QCoreApplication::quit);
        // All its words were chosen when it was made: another one speaks the other language, in its place. Not from inside the old one.
        QObject::connect(
            window.get(), &netpas::ui::MainWindow::languageWanted, &app,
            [&](const QString& language) {
                netpas::ui::speak(language);
                const QRect place = window->geometry();
                const int page = window->currentPage();
                open();
                window->setGeometry(place);
                window->showPage(page);
            },
            Qt::QueuedConnection);
        window->show();
    };
    open();
    if (!given.to.empty()) window->showWay(QString::fromStdString(given.to));
    if (!given.screenshots.empty()) {
        new netpas::ui::Screenshots(*window, desk, QString::fromStdString(given.screenshots),
                                    [](const QString& trouble) {
                                        if (!trouble.isEmpty())
                                            std::fprintf(stderr, "netpas-secretary: %s\n", qPrintable(trouble));
                                        QApplication::exit(trouble.isEmpty() ? 0 : 1);
                                    });
    }
    return QApplication::exec();
}
