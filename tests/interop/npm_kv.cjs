// Writes or reads a stream with the batcher and the key-value client of an unmodified npm SDK: node npm_kv.cjs <job.json>
// job: {sdk, textKeys, rpc, node, kv, flow, key, stream, account, do: "write" | "read", large}; prints one JSON line.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const load = createRequire(path.join(job.root, "package.json"));
const { Batcher, KvClient, StorageNode, getFlowContract } = load(job.sdk);
const { ethers } = load("ethers");
console.log = console.error; // the SDKs talk on standard output

const bytes = (text) => Uint8Array.from(Buffer.from(text));
// The older SDK passes keys on as they are, so that its callers encode them.
const wire = (key) => (job.textKeys ? Buffer.from(key).toString("base64") : key);
const named = (text) => wire(bytes(text));
const text = (base64) => Buffer.from(base64, "base64").toString();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const kv = new KvClient(job.kv);
const node = new StorageNode(job.node);

async function send(version, pairs) {
  const signer = new ethers.Wallet(job.key, new ethers.JsonRpcProvider(job.rpc));
  const batcher = new Batcher(version, [node], getFlowContract(job.flow, signer), job.rpc);
  for (const [key, value] of pairs) batcher.streamDataBuilder.set(job.stream, bytes(key), bytes(value));
  const [sent, failed] = await batcher.exec();
  if (failed) throw failed;
  const seq = (await node.getFileInfo(sent.rootHash, true)).tx.seq;
  let result = null;
  while (result === null) {
    await pause(20);
    result = await kv.getTransactionResult(seq);
  }
  return { seq, result };
}

async function write() {
  const large = "x".repeat(job.large);
  const first = await send(1, [["k1", "one"], ["k2", "two"], ["k3", "three"], ["k4", "four"], ["large", large]]);
  const { version } = await kv.getValue(job.stream, named("k1"));
  const second = await send(Number.MAX_SAFE_INTEGER, [["k1", "uno"], ["k2", ""]]);
  const late = await send(version, [["k1", "too late"]]);
  return { sent: [first, second, late], version };
}

async function walk(start, step) {
  const iterator = kv.newIterator(job.stream);
  const found = [];
  let failed = await start(iterator);
  while (failed === null && iterator.valid()) {
    const { key, data, version } = iterator.getCurrentPair();
    found.push([job.textKeys ? text(key) : Buffer.from(key).toString(), text(data).length, version]);
    failed = await step(iterator);
  }
  if (failed) throw failed;
  return found;
}

async function read() {
  const values = {};
  for (const key of ["k1", "k2", "k3", "k4", "large", "ours", "absent"]) {
    const value = await kv.getValue(job.stream, named(key));
    values[key] = { size: value.size, version: value.version, data: text(value.data) };
  }
  const next = (iterator) => iterator.next();
  const prev = (iterator) => iterator.prev();
  const told = {
    values,
    part: text((await kv.get(job.stream, named("k3"), 1, 3)).data),
    past: text((await kv.getValue(job.stream, named("k1"), job.past)).data),
    forward: await walk((iterator) => iterator.seekToFirst(), next),
    backward: await walk((iterator) => iterator.seekToLast(), prev),
    after: await walk((iterator) => iterator.seekAfter(named("k2")), next),
    before: await walk((iterator) => iterator.seekBefore(named("k2")), prev),
    streams: await kv.getHoldingStreamIds(),
    admin: [],
    writer: [],
    keyWriter: [],
    mayWrite: [],
    special: await kv.isSpecialKey(job.stream, named("special")),
  };
  for (const account of job.accounts) {
    told.admin.push(await kv.isAdmin(account, job.stream));
    told.writer.push(await kv.isWriterOfStream(account, job.stream));
    told.keyWriter.push(await kv.isWriterOfKey(account, job.stream, named("special")));
    told.mayWrite.push(await kv.hasWritePermission(account, job.stream, named("special")));
  }
  if (kv.getNextWithValue) told.next = (await kv.getNextWithValue(job.stream, named("k2"), false)).size;
  return told;
}

(job.do === "write" ? write() : read())
  .then((told) => {
    process.stdout.write(JSON.stringify(told) + "\n", () => process.exit(0));
  })
  .catch((error) => {
    process.stderr.write(`${error && error.stack ? error.stack : error}\n`);
    process.exit(1);
  });
