#include "cartographer/cartographer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cartographer/cache_file.h"
#include "cartographer/offers.h"

namespace netpas::cartographer {

namespace {

using directory::DocumentError;

constexpr size_t maxCachedPaths = 1000;
constexpr size_t maxPayeeSources = 16;
// How soon a document is asked for again: when it is past half of its life, when its directory says how long it stays fresh, and when
// the last attempt failed.
constexpr std::chrono::seconds seldom{30};
constexpr std::chrono::seconds often{1};
constexpr std::chrono::seconds afterFailure{5};
constexpr const char* replacedFolder = "replaced";
constexpr size_t mostReplaced = 256;
constexpr const char* homeFile = "home";
constexpr const char* descriptorFile = "descriptor.json";
constexpr const char* keysFile = "keys.json";

std::string menuFile(IspId isp) { return "menu-" + std::to_string(isp.value()) + ".json"; }

Failure untrusted(const std::string& what, DocumentError error) {
    const bool future = error == DocumentError::NotYetValid;
    return {future ? CartographerError::ClockBehind : CartographerError::Untrusted,
            what + ": " + std::string(describe(error))};
}

Failure fromFetch(const Endpoint& server, const FetchFailure& failure) {
    const std::string where = "the directory at " + server.toString();
    switch (failure.kind) {
    case FetchFailure::Kind::Unreachable:
        return {CartographerError::Unreachable, where + " does not answer: " + failure.what};
    case FetchFailure::Kind::WrongKey: return {CartographerError::Untrusted, where + " has another key than expected"};
    case FetchFailure::Kind::NotServed:
        return {CartographerError::Unreachable, where + " does not serve this: " + failure.what};
    }
    return {CartographerError::Unreachable, where};
}

Failure fromAssemble(const AssembleFailure& failure, const IpAddress& destination) {
    const std::string isp = "ISP " + std::to_string(failure.isp.value());
    switch (failure.error) {
    case AssembleError::NoPath:
        return {CartographerError::NoPath, "no paid path to " + destination.toString() + " is known"};
    case AssembleError::NoMenu:
        return {CartographerError::UnknownIsp, isp + " is on the way, but it publishes no menu"};
    case AssembleError::PriceTooHigh:
        return {CartographerError::PriceTooHigh, isp + " asks more than a packet can carry"};
    case AssembleError::NoSuchClass: {
        std::string text = isp + " has no class \"" + failure.wanted + "\"; it offers ";
        for (size_t i = 0; i < failure.offered.size(); ++i) text += (i > 0 ? ", " : "") + failure.offered[i];
        return {CartographerError::NoSuchClass, failure.offered.empty() ? isp + " offers no class at all" : text};
    }
    }
    return {CartographerError::NoPath, {}};
}

}  // namespace

Cartographer::Cartographer(Fetcher& fetcher, const Clock& clock, std::filesystem::path folder)
    : m_fetcher(fetcher), m_clock(clock), m_folder(std::move(folder)), m_alive(std::make_shared<bool>(true)) {
    loadHome();
}

Cartographer::~Cartographer() = default;

template <typename Function>
auto Cartographer::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&& result) {
        if (!alive.expired()) function(std::forward<decltype(result)>(result));
    };
}

void Cartographer::loadHome() {
    const auto text = readCacheFile(fileOf(homeFile));
    const auto envelope = readCacheFile(fileOf(descriptorFile));
    if (!text || !envelope) return;
    const auto url = directory::parseJoinUrl(*text);
    if (!url) return;
    // The descriptor's addresses are needed to settle what is open even when its time is over.
    const auto payload = directory::open(*envelope, url->key);
    const auto descriptor = payload ? directory::descriptorFromJson(*payload) : tl::unexpected(payload.error());
    if (!descriptor) return;
    m_home = Home{*url, *descriptor, *envelope};
    if (const auto keys = readCacheFile(fileOf(keysFile))) {
        if (auto read = directory::openKeys(*keys, url->key, descriptor->validity.isp, m_clock.now())) {
            m_keys = Kept<directory::Keys>{*read, {}, lookAgainAt(*read, {})};
        }
    }
}

void Cartographer::remember(const Home& home) {
    if (!m_home || m_home->url.key != home.url.key) {
        m_keys.reset();
        m_menus.clear();
        removeCacheFiles(m_folder);
    }
    m_paths.clear();
    m_home = home;
    // The descriptor first: without "home" it means nothing.
    (void)(writeCacheFile(fileOf(descriptorFile), home.envelope) &&
           writeCacheFile(fileOf(homeFile), toString(home.url)));
}

void Cartographer::join(const std::string& text, Done<Home> done) {
    const auto url = directory::parseJoinUrl(text);
    if (!url) {
        done(tl::unexpected(Failure{CartographerError::BadUrl, std::string(describe(url.error()))}));
        return;
    }
    m_fetcher.get(url->directory, url->key, "/v1/descriptor", {},
                  whileAlive([this, url = *url, done = std::move(done)](tl::expected<Fetched, FetchFailure> got) {
                      if (!got) return done(tl::unexpected(fromFetch(url.directory, got.error())));
                      auto descriptor = directory::openDescriptor(got->body, url.key, m_clock.now());
                      if (!descriptor) return done(tl::unexpected(untrusted("the descriptor", descriptor.error())));
                      const Home home{url, std::move(*descriptor), got->body};
                      if (!isWritable(m_folder)) {
                          return done(tl::unexpected(
                              Failure{CartographerError::CannotStore, "cannot write to " + m_folder.string()}));
                      }
                      remember(home);
                      done(home);
                  }));
}

void Cartographer::refresh(Done<Home> done) {
    if (!m_home) return done(tl::unexpected(Failure{CartographerError::NotJoined, "no ISP was joined"}));
    const directory::Validity& validity = m_home->descriptor.validity;
    const SystemTime now = m_clock.now();
    const bool young = now < validity.issued + (validity.expires - validity.issued) / 2;
    if (young && isCurrent(validity, now)) return done(*m_home);
    join(toString(m_home->url), std::move(done));
}

template <typename Document>
SystemTime Cartographer::lookAgainAt(const Document& document, std::optional<std::chrono::seconds> maxAge) const {
    const SystemTime now = m_clock.now();
    const SystemTime half = document.validity.issued + (document.validity.expires - document.validity.issued) / 2;
    SystemTime at = std::max(half, now + seldom);
    if (maxAge) at = std::min(at, now + std::max(*maxAge, often));
    return at;
}

template <typename Document>
void Cartographer::obtain(const Directory& from, const std::string& target, const std::string& what,
                          std::optional<Kept<Document>> kept, Open<Document> open,
                          std::function<void(const Kept<Document>&, const std::string& body)> keep,
                          Done<Document> done) {
    const SystemTime now = m_clock.now();
    if (kept && !isCurrent(kept->document.validity, now)) kept.reset();
    if (kept && now < kept->lookAgain) return done(kept->document);
    const std::string tag = kept ? kept->tag : std::string();
    auto answered = [this, from, what, kept = std::move(kept), open = std::move(open), keep = std::move(keep),
                     done = std::move(done)](tl::expected<Fetched, FetchFailure> got) {
        std::optional<Failure> failure;
        if (!got) {
            failure = fromFetch(from.server, got.error());
        } else if (got->unchanged && kept) {
            keep({kept->document, kept->tag, lookAgainAt(kept->document, got->maxAge)}, {});
            return done(kept->document);
        } else {
            auto document = open(got->body);
            // The newer promise holds, whatever is served afterwards.
            const bool older = document && kept && document->validity.issued < kept->document.validity.issued;
            if (older) document = tl::unexpected(DocumentError::Expired);
            if (document) {
                keep({*document, got->tag, lookAgainAt(*document, got->maxAge)}, got->body);
                return done(std::move(*document));
            }
            failure = untrusted(what, document.error());
        }
        if (!kept || !isCurrent(kept->document.validity, m_clock.now())) {
            return done(tl::unexpected(std::move(*failure)));
        }
        // A promise holds until its time is over, whether its directory answers or not.
        keep({kept->document, kept->tag, m_clock.now() + afterFailure}, {});
        done(kept->document);
    };
    m_fetcher.get(from.server, from.key, target, tag, whileAlive(std::move(answered)));
}

void Cartographer::keys(Done<directory::Keys> done) {
    const Home home = *m_home;
    obtain<directory::Keys>(
        {home.url.directory, home.url.key, home.descriptor.name}, "/v1/keys", "the list of keys", m_keys,
        [this, home](const std::string& body) {
            return directory::openKeys(body, home.url.key, home.descriptor.validity.isp, m_clock.now());
        },
        [this](const Kept<directory::Keys>& keys, const std::string& body) {
            m_keys = keys;
            if (!body.empty()) (void)writeCacheFile(fileOf(keysFile), body);
        },
        std::move(done));
}

void Cartographer::paths(const IpAddress& destination, Done<directory::Paths> done) {
    const auto now = m_clock.now();
    std::erase_if(m_paths, [&](const auto& known) { return !isCurrent(known.second.document.validity, now); });
    const auto find = [this, destination] {
        return std::find_if(m_paths.begin(), m_paths.end(),
                            [&](const auto& known) { return known.first == destination; });
    };
    const auto cached = find();
    const Home home = *m_home;
    obtain<directory::Paths>(
        {home.url.directory, home.url.key, home.descriptor.name}, "/v1/paths?to=" + destination.toString(), "the paths",
        cached == m_paths.end() ? std::nullopt : std::optional(cached->second),
        [this, home, destination](const std::string& body) -> tl::expected<directory::Paths, DocumentError> {
            auto paths = directory::openPaths(body, home.url.key, home.descriptor.validity.isp, m_clock.now());
            if (paths && !paths->prefix.contains(destination)) return tl::unexpected(DocumentError::WrongShape);
            return paths;
        },
        [this, destination, find](const Kept<directory::Paths>& paths, const std::string&) {
            if (const auto known = find(); known != m_paths.end()) {
                known->second = paths;
                return;
            }
            if (m_paths.size() >= maxCachedPaths) m_paths.erase(m_paths.begin());
            m_paths.emplace_back(destination, paths);
        },
        std::move(done));
}

void Cartographer::payee(const NodeId& payee, Done<directory::PayeeCertificates> done) {
    if (!m_home) return done(tl::unexpected(Failure{CartographerError::NotJoined, "no ISP was joined"}));
    keys(whileAlive([this, payee, done = std::move(done)](tl::expected<directory::Keys, Failure> keys) {
        const Home& home = *m_home;
        std::vector<std::pair<IspId, Directory>> sources;
        sources.push_back({home.descriptor.validity.isp, {home.url.directory, home.url.key, home.descriptor.name}});
        if (keys) {
            for (const directory::KnownIsp& other : keys->others) {
                if (other.directory && sources.size() < maxPayeeSources)
                    sources.push_back({other.isp, {*other.directory, other.key, other.name}});
            }
        }
        std::reverse(sources.begin(), sources.end());  // taken from the end
        payeeFrom(std::move(sources), payee, done);
    }));
}

void Cartographer::payeeFrom(std::vector<std::pair<IspId, Directory>> sources, const NodeId& payee,
                             Done<directory::PayeeCertificates> done) {
    if (sources.empty()) {
        return done(tl::unexpected(
            Failure{CartographerError::NoSuchPayee, "no directory that answers has a certificate of " + payee.hex()}));
    }
    const auto [isp, from] = sources.back();
    sources.pop_back();
    m_fetcher.get(from.server, from.key, "/v1/payees/" + payee.hex(), {},
                  whileAlive([this, isp = isp, from = from, sources = std::move(sources), payee,
                              done = std::move(done)](tl::expected<Fetched, FetchFailure> got) {
                      // One that does not know the payee, is down or lies does not keep the others from being asked.
                      const auto found = got ? directory::openPayee(got->body, from.key, isp, m_clock.now())
                                             : tl::unexpected(DocumentError::NotJson);
                      if (found && found->payee == payee) return done(*found);
                      payeeFrom(sources, payee, done);
                  }));
}

void Cartographer::menu(IspId isp, const Directory& from, Done<directory::Menu> done) {
    std::optional<Kept<directory::Menu>> kept;
    if (const auto known = m_menus.find(isp); known != m_menus.end()) {
        kept = known->second;
    } else if (const auto stored = readCacheFile(fileOf(menuFile(isp)))) {
        if (auto menu = directory::openMenu(*stored, from.key, isp, m_clock.now())) {
            kept = Kept<directory::Menu>{*menu, {}, lookAgainAt(*menu, {})};
            m_menus[isp] = *kept;
        }
    }
    obtain<directory::Menu>(
        from, "/v1/menu", "the menu of " + from.name, std::move(kept),
        [this, isp, key = from.key](const std::string& body) {
            return directory::openMenu(body, key, isp, m_clock.now());
        },
        [this, isp](const Kept<directory::Menu>& menu, const std::string& body) {
            if (!body.empty()) keepReplaced(isp, menu.document);
            m_menus[isp] = menu;
            if (!body.empty()) (void)writeCacheFile(fileOf(menuFile(isp)), body);
        },
        std::move(done));
}

// A menu that is replaced by another before its time is over was a promise: it stays, with its signature.
void Cartographer::keepReplaced(IspId isp, const directory::Menu& next) {
    const auto known = m_menus.find(isp);
    if (known == m_menus.end() || !isCurrent(known->second.document.validity, m_clock.now())) return;
    const directory::Menu& before = known->second.document;
    if (before.classes == next.classes) return;
    const auto envelope = readCacheFile(fileOf(menuFile(isp)));
    const std::filesystem::path folder = m_folder / replacedFolder;
    if (!envelope || !isWritable(folder)) return;
    const auto issued = before.validity.issued.time_since_epoch().count();
    (void)writeCacheFile(folder / ("menu-" + std::to_string(isp.value()) + "-" + std::to_string(issued) + ".json"),
                         *envelope);
    keepNewestFiles(folder, mostReplaced);
}

tl::expected<Cartographer::Directory, Failure> Cartographer::directoryOf(IspId isp, const directory::Keys& keys) const {
    if (isp == m_home->descriptor.validity.isp) {
        return Directory{m_home->url.directory, m_home->url.key, m_home->descriptor.name};
    }
    const auto known =
        std::find_if(keys.others.begin(), keys.others.end(), [&](const auto& other) { return other.isp == isp; });
    if (known == keys.others.end() || !known->directory) {
        return tl::unexpected(
            Failure{CartographerError::UnknownIsp,
                    "ISP " + std::to_string(isp.value()) + " is on the way, but its directory is not known"});
    }
    return Directory{*known->directory, known->key, known->name};
}

void Cartographer::homeMenu(Done<KnownMenu> done) {
    if (!m_home) return done(tl::unexpected(Failure{CartographerError::NotJoined, "no ISP was joined"}));
    const Directory own{m_home->url.directory, m_home->url.key, m_home->descriptor.name};
    menu(m_home->descriptor.validity.isp, own,
         [own, done = std::move(done)](tl::expected<directory::Menu, Failure> menu) {
             if (!menu) return done(tl::unexpected(std::move(menu.error())));
             done(KnownMenu{own.name, std::move(*menu)});
         });
}

void Cartographer::survey(const IpAddress& destination, Done<Survey> done) {
    if (!m_home) return done(tl::unexpected(Failure{CartographerError::NotJoined, "no ISP was joined"}));
    paths(destination, [this, done = std::move(done)](tl::expected<directory::Paths, Failure> paths) {
        if (!paths) return done(tl::unexpected(std::move(paths.error())));
        keys([this, paths = std::move(*paths), done](tl::expected<directory::Keys, Failure> keys) {
            if (!keys) return done(tl::unexpected(std::move(keys.error())));
            menus(paths, *keys, done);
        });
    });
}

// Fetches the menus of all ISPs on all paths at once. One that cannot be had rules out its paths only.
void Cartographer::menus(const directory::Paths& paths, const directory::Keys& keys, Done<Survey> done) {
    struct Gathering {
        Survey survey;
        size_t outstanding = 1;  // this function itself, until it has asked everybody
    };
    auto gathering = std::make_shared<Gathering>();
    gathering->survey.paths = paths;
    auto arrived = [gathering, done = std::move(done)] {
        if (--gathering->outstanding == 0) done(std::move(gathering->survey));
    };
    std::set<IspId> asked;
    for (const directory::IspPath& path : paths.paths) {
        for (const IspId isp : path.isps) {
            if (!asked.insert(isp).second) continue;
            const auto from = directoryOf(isp, keys);
            if (!from) {
                gathering->survey.missing.emplace(isp, from.error());
                continue;
            }
            ++gathering->outstanding;
            menu(isp, *from, [isp, gathering, name = from->name, arrived](tl::expected<directory::Menu, Failure> menu) {
                if (menu) {
                    gathering->survey.menus[isp] = {name, std::move(*menu)};
                } else {
                    gathering->survey.missing.emplace(isp, std::move(menu.error()));
                }
                arrived();
            });
        }
    }
    arrived();
}

void Cartographer::quote(const QuoteRequest& request, Done<Quote> done) {
    survey(request.destination, [this, request, done = std::move(done)](tl::expected<Survey, Failure> survey) {
        if (!survey) return done(tl::unexpected(std::move(survey.error())));
        done(quoteFrom(request, *survey, m_clock.now()));
    });
}

namespace {

Survey withoutClasses(Survey survey, const QuoteRequest& request) {
    for (const auto& [isp, service] : request.without) {
        const auto menu = survey.menus.find(isp);
        if (menu == survey.menus.end()) continue;
        std::erase_if(menu->second.menu.classes,
                      [service = service](const directory::MenuClass& one) { return one.id == service; });
    }
    return survey;
}

}  // namespace

tl::expected<Quote, Failure> quoteFrom(const QuoteRequest& request, const Survey& survey, SystemTime now) {
    if (!request.without.empty()) {
        QuoteRequest rest = request;
        rest.without.clear();
        return quoteFrom(rest, withoutClasses(survey, request), now);
    }
    if (request.atMost) {
        QuoteRequest named = request;
        named.atMost.reset();
        auto quote = quoteFrom(named, survey, now);
        if (quote) {
            const auto dearest = dearestPacket(quote->path, fullPacketBytes);
            const auto charges = dearestCharges(quote->path);
            const bool fits = dearest && charges && dearest->total <= *request.atMost &&
                              charges->first <= request.charges.first && charges->minute <= request.charges.minute;
            if (fits) return quote;
        }
        if (auto other = bestWithin(*request.atMost, request.charges, request.destination, survey, now))
            return std::move(*other);
        if (!quote) return quote;
        return tl::unexpected(Failure{CartographerError::PriceTooHigh,
                                      "no way there costs " + request.atMost->toString() + " a packet or less"});
    }
    auto quote = assemble(request, survey.paths.paths, survey.menus, now);
    if (!quote) {
        const auto cause = survey.missing.find(quote.error().isp);
        const bool fetching = quote.error().error == AssembleError::NoMenu && cause != survey.missing.end();
        return tl::unexpected(fetching ? cause->second : fromAssemble(quote.error(), request.destination));
    }
    quote->validUntil = std::min(quote->validUntil, survey.paths.validity.expires);
    return std::move(*quote);
}

}  // namespace netpas::cartographer
