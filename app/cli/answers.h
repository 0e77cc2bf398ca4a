// Reading the JSON of answers and printing it: what every topic of the command line shares.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/cli/client.h"

namespace netpas::cli {

using Rows = std::vector<std::vector<std::string>>;

void print(const std::string& text);
void printJson(const nlohmann::json& body);

// Answers come from a program that may be of another version: what is missing reads as nothing. Harmless to a terminal.
[[nodiscard]] std::string textAt(const nlohmann::json& object, const char* name);
// null where the path ends early.
[[nodiscard]] nlohmann::json at(const nlohmann::json& object, std::initializer_list<const char*> path);

// {"findings": [{level, check, message, remedy}]} as a table.
void printFindings(const nlohmann::json& body);

// Of an estimate (resources/api/README.md): "23.1 (22.8–23.4)"; what is scarce has no middle, for that would look like a fact; "-" when nothing is
// known.
[[nodiscard]] std::string estimateText(const nlohmann::json& estimate, double scale, int digits);

// A wrong command line.
[[nodiscard]] Problem usage(std::string message, std::string hint);

}  // namespace netpas::cli
