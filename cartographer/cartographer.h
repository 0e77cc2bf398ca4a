// Knows which ISPs sell better service on the way to a destination, and for how much (NetPaS §5.3): joins an ISP,
// fetches, verifies and caches what it and the others publish, and makes quotes from it.
// One thread: the one that calls; the fetcher calls back there.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "cartographer/assemble.h"
#include "cartographer/fetcher.h"
#include "core/clock.h"
#include "core/directory/documents.h"

namespace netpas::cartographer {

enum class CartographerError {
    BadUrl,  // not https://ADDRESS:PORT/#KEY
    NotJoined,
    Unreachable,  // a directory does not answer
    Untrusted,    // another key, a forged or stale document
    ClockBehind,  // a document from the future
    CannotStore,  // the cache folder refuses
    NoPath,
    NoSuchClass,
    NoSuchPayee,
    UnknownIsp,  // an ISP on the path that our own does not vouch for
    PriceTooHigh,
};

struct Failure {
    CartographerError error = CartographerError::Unreachable;
    std::string detail;  // for people
};

template <typename T>
using Done = std::function<void(tl::expected<T, Failure>)>;

// Everything that is sold on the way to a destination.
struct Survey {
    directory::Paths paths;
    Menus menus;
    std::map<IspId, Failure> missing;  // ISPs on the paths whose menu could not be had, and why
};

[[nodiscard]] tl::expected<Quote, Failure> quoteFrom(const QuoteRequest& request, const Survey& survey, SystemTime now);

// The ISP that this host buys through.
struct Home {
    directory::JoinUrl url;
    directory::Descriptor descriptor;
    std::string envelope;  // the descriptor as the directory published it
};

class Cartographer {
public:
    // Reads what an earlier run cached in `folder`; what is stale or does not verify there is as if it were missing.
    Cartographer(Fetcher& fetcher, const Clock& clock, std::filesystem::path folder);
    ~Cartographer();
    Cartographer(const Cartographer&) = delete;
    Cartographer& operator=(const Cartographer&) = delete;

    // Fetches and verifies the ISP's documents and remembers it; a failure leaves the one from before.
    void join(const std::string& url, Done<Home> done);
    // Nothing before the first join. Its descriptor may be past its expiry: refresh() then.
    [[nodiscard]] const std::optional<Home>& home() const { return m_home; }
    // Fetches the home descriptor again when it is past half of its life.
    void refresh(Done<Home> done);

    // The home ISP's menu.
    void homeMenu(Done<KnownMenu> done);
    void survey(const IpAddress& destination, Done<Survey> done);
    void quote(const QuoteRequest& request, Done<Quote> done);
    // From the home ISP's directory, else from those that it vouches for, at most 16. Whether the certificate is good is the
    // secretary's to say.
    void payee(const NodeId& payee, Done<directory::PayeeCertificates> done);

private:
    struct Directory {
        Endpoint server;
        PublicKey key;
        std::string name;
    };
    void keys(Done<directory::Keys> done);
    void paths(const IpAddress& destination, Done<directory::Paths> done);
    void menu(IspId isp, const Directory& from, Done<directory::Menu> done);
    void menus(const directory::Paths& paths, const directory::Keys& keys, Done<Survey> done);
    void payeeFrom(std::vector<std::pair<IspId, Directory>> sources, const NodeId& payee,
                   Done<directory::PayeeCertificates> done);
    [[nodiscard]] tl::expected<Directory, Failure> directoryOf(IspId isp, const directory::Keys& keys) const;

    template <typename Function>
    auto whileAlive(Function function);
    [[nodiscard]] std::filesystem::path fileOf(const std::string& name) const { return m_folder / name; }
    void loadHome();
    void remember(const Home& home);

    Fetcher& m_fetcher;
    const Clock& m_clock;
    std::filesystem::path m_folder;
    std::optional<Home> m_home;
    std::optional<directory::Keys> m_keys;
    std::map<IspId, directory::Menu> m_menus;  // no more than the keys document vouches for
    std::vector<directory::Paths> m_paths;     // bounded; the oldest goes first
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::cartographer
