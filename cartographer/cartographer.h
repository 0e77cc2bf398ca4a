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
    // A document with what is needed to ask whether it is still the newest.
    template <typename Document>
    struct Kept {
        Document document;
        std::string tag;       // of the directory; empty: none
        SystemTime lookAgain;  // until then it is taken to be the newest
    };
    // Reads and checks a body: signature, publisher, time.
    template <typename Document>
    using Open = std::function<tl::expected<Document, directory::DocumentError>(const std::string&)>;
    // What is kept while it is young, else what the directory has now; what cannot be had anew is used until its expiry. `keep` comes
    // before `done`, with the body when there is a new one.
    template <typename Document>
    void obtain(const Directory& from, const std::string& target, const std::string& what,
                std::optional<Kept<Document>> kept, Open<Document> open,
                std::function<void(const Kept<Document>&, const std::string& body)> keep, Done<Document> done);
    template <typename Document>
    [[nodiscard]] SystemTime lookAgainAt(const Document& document, std::optional<std::chrono::seconds> maxAge) const;
    void keys(Done<directory::Keys> done);
    void paths(const IpAddress& destination, Done<directory::Paths> done);
    void menu(IspId isp, const Directory& from, Done<directory::Menu> done);
    void keepReplaced(IspId isp, const directory::Menu& next);
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
    std::optional<Kept<directory::Keys>> m_keys;
    std::map<IspId, Kept<directory::Menu>> m_menus;                     // no more than the keys document vouches for
    std::vector<std::pair<IpAddress, Kept<directory::Paths>>> m_paths;  // bounded; the oldest goes first
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::cartographer
