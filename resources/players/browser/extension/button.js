// A button over a film, which the page can neither read nor press, and which counts no click that its user may not have meant.
//
// It stands in a closed shadow tree above everything else that the page shows. A click counts if it is a person's, and the button with this
// text, at this place, in this window, has been seen for so long that it can have been read. Where the browser can tell (it looks at what it has
// drawn: IntersectionObserver v2), "seen" means: nothing covers it, nothing fades it.
"use strict";

const GUARD = 750; // ms
const LOOK = 100; // ms between two looks at the place; the least that browsers allow for looks at what they have drawn
const TELLS = "isVisible" in IntersectionObserverEntry.prototype;
const WIDTH = 340; // always the same: the page must not measure the text

const LOOKS = `
  :host { all: initial !important; position: fixed !important; display: block !important; inset: auto !important; border: 0 !important;
    left: LEFTpx !important; top: TOPpx !important; width: WIDTHpx !important; height: 34px !important; z-index: 2147483647 !important; }
  button { all: unset; box-sizing: border-box; width: 100%; height: 100%; padding: 0 8px; overflow: hidden; text-align: center;
    font: 15px/34px sans-serif; white-space: nowrap; text-overflow: ellipsis; color: #fff; background: #303030; }
  button.offer { background: #1e7a4a; }
  button.offer, button.end { cursor: pointer; }
  button:focus-visible { outline: 2px solid #fff; outline-offset: -4px; }`;

class Button {
  #video;
  #pressed;
  #host = document.createElement("div");
  #style = document.createElement("style");
  #face = document.createElement("button");
  #observer = null;
  #timer = null;
  #seen = false;
  #since = Infinity; // of everything that a click has to wait for
  #meant = false; // the pointer was pressed on a button that could be read
  #focused = Infinity; // since when keys go to it
  #place = "";
  #box = "";
  #kind = "";
  #unsettle = () => { this.#since = performance.now(); };
  #reshow = () => {
    // What is full screen now lies above what was shown before.
    if (this.#host.isConnected && this.#host.hidePopover) {
      this.#host.hidePopover();
      this.#host.showPopover();
    }
    this.#unsettle();
  };

  // Whether the browser says what is really seen; else a page around this one could cover it unnoticed.
  static trustworthy() {
    return TELLS || window === window.top;
  }

  constructor(video, pressed) {
    this.#video = video;
    this.#pressed = pressed;
    const root = this.#host.attachShadow({ mode: "closed" });
    root.append(this.#style, this.#face);
    this.#face.addEventListener("pointerdown", (event) => { this.#meant = event.isTrusted && this.#settled(); });
    this.#face.addEventListener("focus", () => { this.#focused = performance.now(); });
    this.#face.addEventListener("click", (event) => this.#click(event));
  }

  get text() { return this.#face.textContent; }

  // `kind`: "offer" and "end" can be pressed, "" says something.
  show(text, kind) {
    if (this.#face.textContent === text && this.#kind === kind && this.#host.isConnected) return;
    console.info(`[netpas] ${kind === "offer" ? "button" : "says"}: ${text}`);
    this.#face.textContent = text;
    this.#face.className = this.#kind = kind;
    this.#face.tabIndex = kind === "" ? -1 : 0;
    this.#meant = false;
    this.#unsettle();
    if (this.#host.isConnected) return;
    document.documentElement.append(this.#host);
    this.#look();
    if (this.#host.showPopover) {
      this.#host.popover = "manual";
      this.#host.showPopover();
    }
    this.#seen = false;
    this.#observer = new IntersectionObserver((entries) => this.#judge(entries[entries.length - 1]),
                                              { threshold: [0, 0.5, 1], trackVisibility: true, delay: LOOK });
    this.#observer.observe(this.#host);
    this.#timer = setInterval(() => this.#look(), LOOK);
    for (const name of ["focus", "blur", "resize"]) window.addEventListener(name, this.#unsettle);
    for (const name of ["fullscreenchange", "visibilitychange"]) document.addEventListener(name, this.#reshow);
  }

  hide() {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#observer.disconnect();
    this.#host.remove();
    this.#face.textContent = "";
    this.#since = Infinity;
    for (const name of ["focus", "blur", "resize"]) window.removeEventListener(name, this.#unsettle);
    for (const name of ["fullscreenchange", "visibilitychange"]) document.removeEventListener(name, this.#reshow);
  }

  #judge(entry) {
    const seen = entry.intersectionRatio === 1 && (entry.isVisible ?? this.#onTop());
    if (seen !== this.#seen) this.#unsettle();
    this.#seen = seen;
  }

  // For browsers that do not say what they have drawn.
  #onTop() {
    const box = this.#host.getBoundingClientRect();
    return [[2, 2], [box.width - 2, 2], [2, box.height - 2], [box.width - 2, box.height - 2], [box.width / 2, box.height / 2]]
      .every(([x, y]) => document.elementFromPoint(box.left + x, box.top + y) === this.#host);
  }

  // Over the upper part of the film; where the film has no place of its own, at the top of the window.
  #look() {
    const film = this.#video.getBoundingClientRect();
    const small = film.width < 120 || film.height < 60;
    const width = Math.min(WIDTH, window.innerWidth);
    const middle = small ? window.innerWidth / 2 : film.left + film.width / 2;
    const top = small ? 8 : film.top + film.height * 0.08;
    const within = (value, most) => Math.round(Math.max(0, Math.min(value, most)));
    const place = LOOKS.replace("LEFT", within(middle - width / 2, window.innerWidth - width))
      .replace("TOP", within(top, window.innerHeight - 34)).replace("WIDTH", width);
    if (place !== this.#place) {
      this.#place = this.#style.textContent = place;
      this.#unsettle();
    }
    // What a page does to the place in spite of that counts, too.
    const { left, top: above, width: wide } = this.#host.getBoundingClientRect();
    const box = [left, above, wide].join();
    if (box !== this.#box) this.#unsettle();
    this.#box = box;
    if (!TELLS && !this.#onTop()) this.#unsettle();
  }

  #settled() {
    this.#look();
    return this.#seen && this.#host.isConnected && document.hasFocus() && document.visibilityState === "visible"
      && performance.now() - this.#since >= GUARD;
  }

  #click(event) {
    event.stopPropagation();
    if (!event.isTrusted || this.#kind === "") return;
    const byKey = event.detail === 0 && performance.now() - this.#focused >= GUARD;
    const meant = (byKey || this.#meant) && this.#settled();
    this.#meant = false;
    // To end something costs nothing.
    if (meant || this.#kind === "end") this.#pressed(this.#kind);
    else console.info("[netpas] a click that came too early does not count");
  }
}
