// Seconds that the unmodified npm SDK takes to read keys, and to write one until it can be read: node kv.cjs <job.json>
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const load = createRequire(path.join(job.root, "package.json"));
const { Batcher, KvClient, StorageNode, getFlowContract } = load("@0gfoundation/0g-ts-sdk");
const { ethers } = load("ethers");
console.log = () => {}; // the SDK talks on standard output
const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bytes = (text) => Uint8Array.from(Buffer.from(text));

const kv = new KvClient(job.kv);
const node = new StorageNode(job.node);
const signer = new ethers.Wallet(job.key, new ethers.JsonRpcProvider(job.rpc));

async function reads(count) {
  const told = [];
  for (let run = 0; run < count; run++) {
    const key = bytes(job.keys[(run * 7919) % job.keys.length]);
    const start = process.hrtime.bigint();
    await kv.getValue(job.stream, key);
    told.push(seconds(start));
  }
  return told;
}

async function put(value) {
  const batcher = new Batcher(Number.MAX_SAFE_INTEGER, [node], getFlowContract(job.flow, signer), job.rpc);
  batcher.streamDataBuilder.set(job.own, bytes("key"), bytes(value));
  const [, failed] = await batcher.exec();
  if (failed) throw failed;
  const wanted = Buffer.from(value).toString("base64");
  while ((await kv.getValue(job.own, bytes("key"))).data !== wanted) await pause(10);
}

async function puts() {
  const told = [];
  for (let run = 0; run < job.puts; run++) {
    await pause(((run * 0.37) % 1) * job.block);
    const start = process.hrtime.bigint();
    await put(`value ${run}`);
    told.push(seconds(start));
  }
  return told;
}

async function main() {
  await reads(job.warm);
  const told = { reads: await reads(job.reads), puts: await puts() };
  process.stdout.write(JSON.stringify(told) + "\n", () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(`${error && error.stack ? error.stack : error}\n`);
  process.exit(1);
});
