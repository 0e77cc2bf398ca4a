// NetPaS for programs on the official x402 packages (@x402/core and what stands on it): the scheme "batch-settlement" on networks
// "netpas:ISP". A buyer pays through the local API of its secretary, a seller verifies through netpas-payee. README.md here.
import http from "node:http";

export const scheme = "batch-settlement";
export const networks = "netpas:*";
const asset = "USD";
const decimals = 9;

// One request to the local API over its Unix socket.
export function callSecretary(socketPath, method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const request = http.request(
      { socketPath, method, path, agent: false, timeout: 60_000,
        headers: { Host: "netpas", "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text), ...headers } },
      (response) => {
        let answer = "";
        response.setEncoding("utf8");
        response.on("data", (part) => (answer += part));
        response.on("error", reject);
        response.on("end", () => {
          try {
            resolve({ status: response.statusCode, body: JSON.parse(answer) });
          } catch (error) {
            reject(error);
          }
        });
      });
    request.on("timeout", () => request.destroy(new Error("the secretary does not answer")));
    request.on("error", reject);
    request.end(text);
  });
}

// A buyer: client.register(networks, new NetpasClient({ socket: "/run/netpas/netpasd.sock" })), and registerV1 alike. The same resource
// asked for again, after whatever broke, is paid once: until delivered() was called.
export class NetpasClient {
  scheme = scheme;
  constructor({ socket = "/run/netpas/netpasd.sock", maxPrice, purpose, patience = 30_000 } = {}) {
    Object.assign(this, { socket, maxPrice, purpose, patience });
    this.offers = new WeakMap();
    this.orders = new Map();
    this.schemeHooks = {
      onBeforePaymentCreation: async ({ paymentRequired, selectedRequirements }) => {
        this.offers.set(selectedRequirements, paymentRequired);
      },
    };
  }

  findDefaultAsset(named) {
    return named === asset ? { asset, decimals, symbol: asset } : undefined;
  }

  async createPaymentPayload(version, requirements) {
    const required = this.offers.get(requirements) ?? {};
    const url = version === 1 ? requirements.resource : required.resource?.url;
    if (!url) throw new Error("the offer does not name what it sells");
    const offer = { x402Version: version, accepts: [requirements] };
    if (version !== 1) offer.resource = required.resource;
    const wish = { url, offer };
    if (this.maxPrice) wish.max_price = this.maxPrice;
    if (this.purpose) wish.purpose = this.purpose;
    const order = await this.#paid(wish);
    this.orders.set(url, order.id);
    if (version === 1) {
      return { x402Version: 1, scheme, network: requirements.network, payload: order.payload };
    }
    return { x402Version: version, payload: order.payload };
  }

  // While a person is asked, or the ISP after a lost connection, the same order waits; nothing is paid twice.
  async #paid(wish) {
    const end = Date.now() + this.patience;
    for (;;) {
      let answer;
      try {
        answer = await callSecretary(this.socket, "POST", "/v1/content", wish);
      } catch (error) {
        if (Date.now() > end) throw error;
      }
      if (answer?.status === 200 && answer.body.payload) return answer.body;
      // It starts again, or cannot reach its ISP: asking the same again is safe.
      const mayPass = !answer || answer.status === 202 || answer.status >= 500;
      if (!mayPass || Date.now() > end) {
        const { code, message, hint } = answer?.body ?? {};
        throw new Error(answer?.status === 202 ? "the payment waits for an answer: netpas pending list"
                                               : `${code}: ${message}${hint ? ` (${hint})` : ""}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  // The content has come whole: the next request for it is a new order. False: that could not be said, and the next request may get the
  // same content for the same money. Never throws, so that nobody buys again because of it.
  async delivered(url) {
    const id = this.orders.get(url);
    if (!id) return true;
    const answer = await callSecretary(this.socket, "PUT", `/v1/content/${id}`, { delivered: true }).catch(() => null);
    if (answer?.status !== 200) return false;
    this.orders.delete(url);
    return true;
  }
}

// A seller: resourceServer.register(networks, new NetpasServer()), with HTTPFacilitatorClient({ url }) of netpas-payee.
export class NetpasServer {
  scheme = scheme;
  defaultAssetTransferMethod = "default";
  paymentFlows = { default: { default: "authorization", supported: ["authorization", "upfront"] } };
  schemeHooks = {
    // A proof is for one resource; which one this is, the facilitator cannot know.
    onBeforeVerify: async ({ paymentPayload, transportContext }) => {
      const adapter = transportContext?.request?.adapter;
      if (adapter && paymentPayload.payload?.resource !== adapter.getUrl()) {
        return { abort: true, reason: "invalid_resource" };
      }
    },
  };

  // "$0.05", 0.05, or { amount: "50000000", asset: "USD" } in nanodollars.
  async parsePrice(price) {
    if (typeof price === "object") return price;
    const match = /^\$?(\d{1,9})(?:\.(\d{1,9}))?$/.exec(String(price).trim());
    if (!match) throw new Error(`not a price in dollars with at most ${decimals} decimals: ${price}`);
    return { amount: String(BigInt(match[1] + (match[2] ?? "").padEnd(decimals, "0"))), asset, extra: {} };
  }

  getAssetDecimals(named) {
    return named === asset ? decimals : undefined;
  }

  async enhancePaymentRequirements(requirements, kind) {
    const { certificate } = kind.extra ?? {};
    return certificate ? { ...requirements, extra: { ...requirements.extra, certificate } } : requirements;
  }
}
