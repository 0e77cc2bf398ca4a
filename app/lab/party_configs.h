// The configuration files of the ISPs' programs, from topology and plan. Pure: keys come in, text comes out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/lab/plan.h"

namespace netpas::lab {

struct PartyKeys {
    std::map<std::string, std::string> accounting;  // by ISP: public key in hexadecimal
    std::map<std::string, std::string> directory;   // by ISP
    std::map<std::string, std::string> edge;        // by router
    std::map<std::string, std::string> reverse;     // by host that sells for the reverse path
};

struct PartyInput {
    const Topology& topology;
    const NetworkPlan& plan;
    const PartyKeys& keys;
    std::string folder;  // of the ISP whose files these are: keys, databases and sockets
};

// None of an ISP that carries no packets; such a one has no directory either.
std::vector<std::string> edgesOf(const IspSpec& isp);
std::string edgeConfig(const PartyInput& input, const IspSpec& isp, const std::string& router);
std::string accountingConfig(const PartyInput& input, const IspSpec& isp);
std::string directoryConfig(const PartyInput& input, const IspSpec& isp);

}  // namespace netpas::lab
