// netpasd: the agent.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "app/agent/daemon.h"

namespace {

constexpr int usageError = 2;

// Under a service manager the journal has the time; a terminal shows it.
void startLog(const std::string& level) {
    auto logger = spdlog::stderr_logger_st("netpasd");
    logger->set_pattern(std::getenv("JOURNAL_STREAM") != nullptr ? "%l: %v" : "%Y-%m-%dT%H:%M:%S.%e %l: %v");
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

void writeLog(netpas::app::LogLevel level, const std::string& line) {
    switch (level) {
    case netpas::app::LogLevel::Info: spdlog::info("{}", line); return;
    case netpas::app::LogLevel::Warning: spdlog::warn("{}", line); return;
    case netpas::app::LogLevel::Error: spdlog::error("{}", line); return;
    }
}

std::string checkAmount(const std::string& text) {
    const auto amount = netpas::Money::parse(text);
    return amount && *amount > netpas::Money::zero() ? "" : "not an amount of dollars: " + text;
}

}  // namespace

int main(int argc, char** argv) {
    netpas::agent::DaemonOptions options;
    std::string state = options.stateFolder, socket = options.socket, level = "info";
    std::string perPurchase = "5", perDay = "20";
    CLI::App app{"The agent that pays ISPs for better service, packet by packet. See netpasd(8)."};
    app.set_version_flag("--version", std::string("netpasd ") + NETPAS_VERSION);
    app.add_option("--state-dir", state, "identity, ledger and cached menus")->capture_default_str();
    app.add_option("--socket", socket, "the local API")->capture_default_str();
    app.add_option("--group", options.group, "who may use it besides root; empty: the process's group")
        ->capture_default_str();
    app.add_option("--device", options.device, "name of the TUN interface")->capture_default_str();
    app.add_option("--max-purchase", perPurchase, "largest cap of one purchase, in dollars")
        ->check(checkAmount)
        ->capture_default_str();
    app.add_option("--max-day", perDay, "most that is set aside and spent in a day, in dollars")
        ->check(checkAmount)
        ->capture_default_str();
    app.add_option("--log-level", level, "what is logged")
        ->check(CLI::IsMember({"info", "warning", "error", "off"}))
        ->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : usageError;
    }
    options.version = NETPAS_VERSION;
    options.stateFolder = state;
    options.socket = socket;
    options.maxPerPurchase = *netpas::Money::parse(perPurchase);
    options.maxPerDay = *netpas::Money::parse(perDay);
    std::signal(SIGPIPE, SIG_IGN);
    startLog(level);
    return netpas::agent::runDaemon(options, writeLog);
}
