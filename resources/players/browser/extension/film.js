// Watches the films and sounds of one document. Nothing is asked for before the picture has stood still, and nothing is bought that was not
// shown and pressed. Prices and purchases come and go through the extension's background; the page sees neither.
"use strict";

const FROZEN = 1000; // ms that the position stands still before it is a stall
const SOUGHT = 2000; // ms after a seek in which waiting is its own fault
const POLL = 1000; // ms between two looks at what was bought
const LINGER = 8000; // ms that a last word stays

const REFUSALS = {
  QUOTA_EXCEEDED: "Not bought: your budget does not allow it",
  INSUFFICIENT_BALANCE: "Not bought: there is not enough money",
  RESTRICTED: "Not bought: your rules say no",
  LOCKED: "Not bought: the secretary is locked",
  PAUSED: "Not bought: spending is paused",
  NO_OFFER: "Better quality is not sold on this way",
  NOT_JOINED: "Better quality needs an ISP: netpas join",
  EXPIRED: "The price has changed",
};

// Of one source of one element; a new source makes a new one, and answers that come too late find themselves in an old one.
class Film {
  #video;
  #button;
  #port = null;
  #waiting = new Map(); // number of a request → what its answer does
  #requests = 0;
  #state = "waiting"; // asked, offered, buying, running, pending, quiet
  #offer = null;
  #offers = 0;
  #failures = 0;
  #frozen = null;
  #sought = -Infinity;
  #stalls = 0; // since it was bought
  #told = "";
  #noticed = 0; // when something changed, or the pointer moved
  #spent = "0";

  constructor(video) {
    this.#video = video;
    this.#button = new Button(video, (kind) => kind === "offer" ? this.#buy() : this.#end());
  }

  sought() {
    this.#sought = performance.now();
    clearTimeout(this.#frozen);
  }
  moved() { this.#noticed = performance.now(); }

  // The first fill is over when something has been played.
  #starved() {
    const video = this.#video;
    let played = 0;
    for (let i = 0; i < video.played.length; ++i) played += video.played.end(i) - video.played.start(i);
    return played >= 1 && !video.paused && !video.ended && !video.seeking && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA
      && performance.now() - this.#sought > SOUGHT && video.isConnected;
  }

  stops() {
    if (!this.#starved()) return;
    if (this.#state === "running") ++this.#stalls;
    const position = this.#video.currentTime;
    clearTimeout(this.#frozen);
    this.#frozen = setTimeout(() => {
      if (this.#state !== "waiting" || !this.#starved() || this.#video.currentTime !== position) return;
      if (document.visibilityState === "visible" && Button.trustworthy()) this.#quote();
    }, FROZEN);
  }

  leave() {
    clearTimeout(this.#frozen);
    this.#state = "quiet";
    this.#hangUp(); // ends what it bought, too
    this.#button.hide();
  }

  // Who is behind the port stops what was bought through it when it goes.
  #hangUp() {
    const port = this.#port;
    this.#port = null;
    this.#waiting.clear();
    if (port) port.disconnect();
  }

  #ask(request, done) {
    if (!this.#port) {
      const port = this.#port = chrome.runtime.connect({ name: "film" });
      port.onMessage.addListener((answer) => {
        const then = this.#waiting.get(answer.id);
        this.#waiting.delete(answer.id);
        if (this.#port === port && then) then(answer);
      });
      port.onDisconnect.addListener(() => {
        void chrome.runtime.lastError;
        if (this.#port !== port) return;
        this.#port = null;
        const left = [...this.#waiting.values()];
        this.#waiting.clear();
        const error = { code: "NO_HOST", message: "the connection to NetPaS has ended" };
        if (left.length > 0) left.forEach((then) => then({ error }));
        else if (this.#state === "running" || this.#state === "pending") this.#giveUp("Better quality has ended", "NO_HOST");
        else if (this.#state === "offered") this.leave();
      });
    }
    this.#waiting.set(++this.#requests, done);
    this.#port.postMessage({ id: this.#requests, ...request });
  }

  #giveUp(text, why) {
    this.#state = "quiet";
    console.info(`[netpas] quiet for this film: ${why}`);
    this.#hangUp();
    this.#lastWord(text);
  }

  #lastWord(text) {
    this.#button.show(text, "");
    setTimeout(() => { if (this.#button.text === text) this.#button.hide(); }, LINGER);
  }

  #quote() {
    this.#state = "asked";
    const video = this.#video;
    // What went through the decoders, where the browser counts it.
    const bytes = (video.webkitVideoDecodedByteCount ?? 0) + (video.webkitAudioDecodedByteCount ?? 0);
    const duration = Number.isFinite(video.duration) ? video.duration : 0;
    this.#ask({ verb: "quote", url: video.currentSrc, kind: video instanceof HTMLVideoElement ? "video" : "audio",
                rate: video.currentTime > 0 ? bytes * 8 / video.currentTime : 0, duration },
              (answer) => {
                if (this.#state !== "asked") return;
                if (answer.quote) return this.#offered(answer.quote);
                // A word about what was never asked for would only disturb.
                const { code, message } = answer.error;
                console.info(`[netpas] no price: ${message}`);
                if (code !== "RATE_LIMITED") ++this.#failures;
                const last = this.#failures >= 3 || ["NO_HOST", "NOT_RUNNING", "NO_OFFER"].includes(code);
                this.#state = last ? "quiet" : "waiting";
                this.#hangUp();
              });
  }

  #offered(quote) {
    this.#state = "offered";
    this.#offer = quote;
    ++this.#offers;
    console.info(`[netpas] price: ${quote.per_minute_at_most}`);
    this.#button.show(`Buy better quality · up to ${cents(quote.per_minute_at_most)}/min`, "offer");
    // A price holds for a while only; who looks away for longer is asked anew.
    const left = (Date.parse(quote.valid_until) - Date.now()) / 1000 - 2;
    setTimeout(() => {
      if (this.#state !== "offered" || this.#offer !== quote) return;
      this.#state = "waiting";
      this.#hangUp();
      this.#button.hide();
      this.stops();
    }, 1000 * Math.max(5, Math.min(Number.isFinite(left) ? left : 0, 120)));
  }

  #buy() {
    if (this.#state !== "offered") return;
    this.#state = "buying";
    this.#stalls = 0;
    this.#button.show("Buying better quality", "");
    const left = this.#video.duration - this.#video.currentTime;
    // Pauses and stalls take time, too.
    const minutes = Number.isFinite(left) ? Math.ceil(left / 60 * 1.25) + 5 : 120;
    this.#ask({ verb: "buy", offer: this.#offer.offer, minutes }, (answer) => {
      if (answer.purchase) {
        console.info(`[netpas] bought: purchase ${answer.purchase.id}`);
        return this.#tell(answer.purchase);
      }
      const { code, message } = answer.error;
      if (code === "EXPIRED" && this.#offers < 3) {
        this.#state = "waiting"; // for the next stall, and its price
        this.#hangUp();
        return this.#lastWord(REFUSALS.EXPIRED);
      }
      this.#giveUp(REFUSALS[code] ?? `Not bought: ${message}`, code);
    });
  }

  #end() {
    if (this.#state !== "running") return;
    this.#giveUp(`Better quality ended after ${cents(this.#spent)}`, "STOPPED");
  }

  // What it does and what it costs.
  #tell(purchase) {
    this.#spent = purchase.spent;
    if (purchase.state === "refused") return this.#giveUp(`Not bought: ${purchase.reason || "refused"}`, "DENIED");
    if (purchase.state === "settled") {
      return this.#giveUp(`Better quality ended after ${cents(purchase.spent)}${purchase.reason ? ` (${purchase.reason})` : ""}`, "ENDED");
    }
    setTimeout(() => this.#follow(), POLL);
    if (purchase.decision) {
      this.#state = "pending";
      return this.#button.show("Your secretary asks you · best effort until then", "");
    }
    this.#state = "running";
    let does = this.#stalls === 0 ? "no stall since" : `${this.#stalls} ${this.#stalls === 1 ? "stall" : "stalls"} since`;
    if (purchase.packets === 0) does = "begins";
    if (purchase.trouble) does = `not delivered: ${purchase.trouble}`;
    if (does !== this.#told) this.moved();
    this.#told = does;
    if (performance.now() - this.#noticed > LINGER) return this.#button.hide();
    this.#button.show(`Better quality · ${cents(purchase.spent)} so far · ${does} · end`, "end");
  }

  #follow() {
    if (this.#state !== "running" && this.#state !== "pending") return;
    if (!this.#video.isConnected) return this.leave();
    this.#ask({ verb: "purchase" }, (answer) => {
      if (answer.purchase) return this.#tell(answer.purchase);
      setTimeout(() => this.#follow(), POLL);
    });
  }
}

const films = new Map();

function filmOf(video) {
  if (!films.has(video)) films.set(video, new Film(video));
  return films.get(video);
}

function leave(video) {
  films.get(video)?.leave();
  films.delete(video);
}

// A page can make events of its own; they are not the browser's.
function listen(names, act) {
  for (const name of names) {
    document.addEventListener(name, (event) => {
      if (event.isTrusted && event.target instanceof HTMLMediaElement) act(event.target);
    }, true);
  }
}
listen(["waiting", "stalled"], (video) => filmOf(video).stops());
listen(["seeking", "seeked"], (video) => filmOf(video).sought());
listen(["ended", "emptied", "error"], leave);
document.addEventListener("pointermove", (event) => { if (event.isTrusted) films.forEach((film) => film.moved()); },
                          { capture: true, passive: true });
window.addEventListener("pagehide", () => [...films.keys()].forEach(leave));
