// An Express server that sells with the official middleware and lets netpas-payee verify and settle.
// usage: node server.mjs ADDRESS PORT FACILITATOR-URL PAYEE ISP FOLDER
import express from "express";
import { HTTPFacilitatorClient, x402ResourceServer } from "@x402/core/server";
import { paymentMiddleware } from "@x402/express";
import { NetpasServer, networks } from "./netpas.mjs";

const [address, port, facilitator, payTo, isp, folder] = process.argv.slice(2);
const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitator, timeoutMs: 15_000 }))
  .register(networks, new NetpasServer());
const app = express();
app.use(paymentMiddleware(
  { "GET /item/*": { accepts: { scheme: "batch-settlement", network: `netpas:${isp}`, payTo, price: "$0.01" }, description: "an item" } },
  server));
app.use(express.static(folder, { etag: false }));
app.listen(Number(port), address, () => console.log("listening"));
