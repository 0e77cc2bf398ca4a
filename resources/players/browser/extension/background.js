// Between the films of the pages and the program netpas-browser-host: one port to each film, one program behind each port. What a page's process
// says is believed as little as possible: where a film comes from, and for which site, the browser itself knows.
"use strict";

const HOST = "netpas.browser_host";
const HEADROOM = 2; // a film that has stalled has to catch up
const FALLBACK = 5e6; // bits a second, of a film that does not say how many it needs
const PATIENCE = 5000; // ms between two questions for a price from one tab
const LARGE = 65536; // bytes of a reply that may be a piece of a film

// Where the replies came from that a tab's films are made of: newest last, by frame. Kept by the browser, because this script
// is stopped when nothing happens.
const seenIn = (tab) => `replies-${tab}`;
const MOST = 8;

function headerOf(details, name) {
  return details.responseHeaders?.find((header) => header.name.toLowerCase() === name)?.value ?? "";
}

let writing = Promise.resolve();
chrome.webRequest.onResponseStarted.addListener((details) => {
  const kind = headerOf(details, "content-type").toLowerCase();
  const length = Number(headerOf(details, "content-length"));
  const film = details.type === "media" || /^(video|audio)\//.test(kind) || length >= LARGE;
  if (!film || details.tabId < 0 || !details.ip || details.fromCache) return;
  // "bytes 0-99/1000": the whole of it, where one reply is one film.
  const whole = Number(/\/(\d+)$/.exec(headerOf(details, "content-range"))?.[1] ?? length);
  const reply = { frame: details.frameId, url: details.url, address: details.ip.replace(/^\[|\]$/g, ""),
                  size: details.type === "media" && Number.isFinite(whole) ? whole : 0 };
  writing = writing.then(async () => {
    const key = seenIn(details.tabId);
    const { [key]: before = [] } = await chrome.storage.session.get(key);
    const others = before.filter((one) => one.frame !== reply.frame || one.url !== reply.url);
    await chrome.storage.session.set({ [key]: [...others, reply].slice(-MOST) });
  }).catch((error) => console.warn("[netpas]", error));
}, { urls: ["http://*/*", "https://*/*"], types: ["media", "xmlhttprequest", "other"] }, ["responseHeaders"]);

chrome.tabs.onRemoved.addListener((tab) => chrome.storage.session.remove(seenIn(tab)));

// The reply that this film is made of: of its own address, else (its page fetches it piece by piece) the newest of its frame.
async function sourceOf(sender, url) {
  await writing;
  const key = seenIn(sender.tab.id);
  const { [key]: replies = [] } = await chrome.storage.session.get(key);
  const here = replies.filter((one) => one.frame === sender.frameId);
  const known = here.findLast((one) => one.url === url) ?? (String(url).startsWith("blob:") ? here.at(-1) : undefined);
  // It may have begun before this extension was there; the program then asks the kernel alone.
  return known ?? (/^https?:/.test(url) ? { url, size: 0 } : undefined);
}

const askedAt = new Map(); // tab → when it last asked for a price

async function quoteFor(sender, message) {
  const before = askedAt.get(sender.tab.id) ?? -Infinity;
  if (Date.now() - before < PATIENCE) throw { code: "RATE_LIMITED", message: "one price in five seconds" };
  askedAt.set(sender.tab.id, Date.now());
  const source = await sourceOf(sender, message.url);
  if (!source) throw { code: "NO_STREAM", message: "it is not clear where that film comes from" };
  const known = source.size > 0 && message.duration > 0 ? source.size * 8 / message.duration : 0;
  const rate = Math.max(known, Number(message.rate) || 0) || FALLBACK;
  return { verb: "quote", url: new URL(source.url).origin, address: source.address, purpose: message.kind === "audio" ? "audio" : "video",
           bits_per_second: Math.round(Math.min(rate * HEADROOM, 1e9)), domain: new URL(sender.tab.url).hostname };
}

chrome.runtime.onConnect.addListener((port) => {
  const sender = port.sender;
  if (port.name !== "film" || sender?.id !== chrome.runtime.id || !sender.tab?.url) return port.disconnect();
  const host = chrome.runtime.connectNative(HOST);
  const tell = (message) => { try { port.postMessage(message); } catch { /* its tab has gone */ } };
  host.onMessage.addListener(tell);
  host.onDisconnect.addListener(() => {
    const why = chrome.runtime.lastError?.message;
    if (why) console.warn(`[netpas] ${HOST}: ${why}`);
    port.disconnect();
  });
  // It ends what was bought through it.
  port.onDisconnect.addListener(() => host.disconnect());
  port.onMessage.addListener(async (message) => {
    const id = Number(message?.id) || 0;
    try {
      if (message.verb === "quote") host.postMessage({ id, ...await quoteFor(sender, message) });
      else if (message.verb === "buy") host.postMessage({ id, verb: "buy", offer: String(message.offer), minutes: Number(message.minutes) });
      else if (message.verb === "purchase") host.postMessage({ id, verb: "purchase" });
    } catch (error) {
      tell({ id, error: { code: error.code ?? "NO_HOST", message: error.message ?? String(error) } });
    }
  });
});
