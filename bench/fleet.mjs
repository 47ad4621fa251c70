// Reads the billing of many portals with Node, as somebody would who knows it well: six
// requests of a portal at once, so many portals at once, connections kept while a portal
// is read, a line of JSON for each portal as it arrives.
//
//   node fleet.mjs LIST MODE PARALLEL
//
// MODE is fetch (fetch with an agent of undici a portal), http (node:http with an agent a
// portal), or sequential (fetch, one request after the other).
import { readFileSync } from "node:fs";
import http from "node:http";
import { once } from "node:events";

const [, , file, mode, parallelText] = process.argv;
const { key, urls, paths } = JSON.parse(readFileSync(file, "utf8"));
const headers = { authorization: `Bearer ${key}`, accept: "application/json" };

// The agent of the undici that is in Node, whose constructor has no other name.
await fetch("data:,");
const undici = Object.getOwnPropertySymbols(globalThis).find((s) => String(s).includes("undici.globalDispatcher"));
const Agent = globalThis[undici].constructor;

async function byFetch(url, dispatcher) {
  const answer = await fetch(url, { headers, dispatcher });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return (await answer.json()).response;
}

function byHTTP(url, agent) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers, agent }, (answer) => {
      if (answer.statusCode !== 200) {
        answer.resume();
        reject(new Error(`${url}: ${answer.statusCode}`));
        return;
      }
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")).response);
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on("error", reject);
  });
}

async function readPortal(url) {
  if (mode === "sequential") {
    const parts = [];
    for (const path of paths) parts.push(await byFetch(url + path));
    return parts;
  }
  if (mode === "fetch") {
    const agent = new Agent({ connections: paths.length });
    try {
      return await Promise.all(paths.map((path) => byFetch(url + path, agent)));
    } finally {
      await agent.close();
    }
  }
  const agent = new http.Agent({ keepAlive: true, maxSockets: paths.length });
  try {
    return await Promise.all(paths.map((path) => byHTTP(url + path, agent)));
  } finally {
    agent.destroy();
  }
}

let next = 0;
async function work() {
  while (next < urls.length) {
    const url = urls[next++];
    const parts = await readPortal(url);
    const line = JSON.stringify({ portal: url, parts }) + "\n";
    if (!process.stdout.write(line)) await once(process.stdout, "drain");
  }
}

process.stdout.setMaxListeners(0);
await Promise.all(Array.from({ length: Number(parallelText) }, work));
