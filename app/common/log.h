// Where a program's parts report to. Never receives a secret.
#pragma once

#include <functional>
#include <string>

namespace netpas::app {

enum class LogLevel { Info, Warning, Error };
using LogSink = std::function<void(LogLevel, const std::string&)>;

}  // namespace netpas::app
