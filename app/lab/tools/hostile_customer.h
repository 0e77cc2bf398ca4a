// A customer who talks to its ISP's accounting server by itself, without an agent: enrols and gets session keys whose secrets it
// knows, as a hostile customer does.
#pragma once

#include <string>
#include <vector>

#include "app/lab/error.h"
#include "core/session_key.h"

namespace netpas::lab {

class Lab;

struct KeyWish {
    SessionKey key;
    bool revoke = false;  // at once
};

// Enrols a host that has no agent with its ISP and registers the keys; the edge router has them when this returns.
Expected<void> enrolKeys(Lab& lab, const std::string& host, const std::vector<KeyWish>& wishes);

}  // namespace netpas::lab
