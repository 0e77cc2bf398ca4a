// `netpas-isp accounting`, `directory`, `reflector`, `ndt7`, `books` and `forget-customer`.
#pragma once

#include <string>
#include <vector>

namespace netpas::isp {

// The arguments behind the command's name. The result is the exit code: 0 ok, 2 usage or configuration, 3 not running,
// 1 other failures.
int runAccounting(const std::vector<std::string>& arguments);
int runDirectory(const std::vector<std::string>& arguments);
int runReflector(const std::vector<std::string>& arguments);
int runNdt7(const std::vector<std::string>& arguments);
int runBooks(const std::vector<std::string>& arguments);
int runBill(const std::vector<std::string>& arguments);
int runAudit(const std::vector<std::string>& arguments);
int runAccount(const std::vector<std::string>& arguments);
int runForgetCustomer(const std::vector<std::string>& arguments);
// What an authority that certifies payees does (core/certificates/README.md).
int runAuthority(const std::vector<std::string>& arguments);  // makes its own certificate
int runCertify(const std::vector<std::string>& arguments);    // certifies a payee
int runRevoke(const std::vector<std::string>& arguments);     // writes its list of revoked certificates

}  // namespace netpas::isp
