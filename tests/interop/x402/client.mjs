// The official x402 client, which pays through the local API. Reads lines {"url", "file", "version"} and fetches each, eight at a time,
// again and again while connections break. Prints one JSON line for each. usage: node client.mjs SOCKET
import { createInterface } from "node:readline";
import { writeFile } from "node:fs/promises";
import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { NetpasClient, networks } from "./netpas.mjs";

const netpas = new NetpasClient({ socket: process.argv[2], maxPrice: "0.06", purpose: "article" });
const client = new x402Client().register(networks, netpas).registerV1(networks, netpas);

// Nobody's fault but the test's: a version 1 client finds its offer in the body.
async function asOfVersionOne(input, init) {
  const response = await fetch(input, init);
  if (response.status !== 402) return response;
  const headers = new Headers(response.headers);
  headers.delete("PAYMENT-REQUIRED");
  return new Response(await response.text(), { status: 402, headers });
}

async function once(job, paying) {
  const response = await paying(job.url, { signal: AbortSignal.timeout(8000) });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`status ${response.status} ${body.toString().slice(0, 200)}`);
  if (body.length !== Number(response.headers.get("content-length") ?? body.length)) throw new Error("cut short");
  const paid = response.headers.get("PAYMENT-RESPONSE") ?? response.headers.get("X-PAYMENT-RESPONSE");
  await writeFile(job.file, body);
  await netpas.delivered(job.url);
  return paid !== null;
}

async function run(job) {
  const paying = wrapFetchWithPayment(job.version === 1 ? asOfVersionOne : fetch, client);
  let error;
  for (let attempt = 1; attempt <= 60; ++attempt) {
    try {
      return { url: job.url, ok: true, receipt: await once(job, paying), attempts: attempt };
    } catch (failure) {
      error = failure;
      await new Promise((resolve) => setTimeout(resolve, Math.min(100 * attempt, 1000)));
    }
  }
  return { url: job.url, ok: false, error: String(error?.message ?? error) };
}

// While all that is left waits for a timeout, nothing else keeps the program from ending.
setInterval(() => {}, 1000);
const jobs = [];
for await (const line of createInterface({ input: process.stdin })) if (line) jobs.push(JSON.parse(line));
await Promise.all(Array.from({ length: 8 }, async () => {
  for (let job = jobs.shift(); job; job = jobs.shift()) console.log(JSON.stringify(await run(job)));
}));
process.exit(0);
