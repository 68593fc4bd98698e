// Decrypts a stored file by docs/spec/encryption.md, with nothing but Node's crypto: an independent reader.
// Standard input: {stored, key | password | private} in hex, but for the password; prints the plaintext in hex.
"use strict";
const crypto = require("crypto");
const job = JSON.parse(require("fs").readFileSync(0));
const stored = Buffer.from(job.stored, "hex");
const BLOCK = 262144, TAG = 16, INFO = Buffer.from("zg-encryption/1");

function agree() {
  const ecdh = crypto.createECDH("secp256k1");
  ecdh.setPrivateKey(Buffer.from(job.private, "hex"));
  return { ecdh, own: ecdh.getPublicKey(null, "compressed") };
}

function counter(head, key) {
  const decipher = crypto.createDecipheriv("aes-256-ctr", key, stored.subarray(head - 16, head));
  return Buffer.concat([decipher.update(stored.subarray(head)), decipher.final()]);
}

function publicFormat() {
  if (stored[0] === 1) return counter(17, Buffer.from(job.key, "hex"));
  const shared = agree().ecdh.computeSecret(stored.subarray(1, 34));
  const info = "0g-storage-client/ecies/v1/aes-256";
  return counter(50, Buffer.from(crypto.hkdfSync("sha256", shared, Buffer.alloc(0), info, 32)));
}

function authenticated() {
  const mode = stored[6], nonce = stored.subarray(7, 39);
  const fixed = 39 + [0, 0, 17, 33][mode];
  let secret, recipient = Buffer.alloc(0);
  if (mode === 1) secret = Buffer.from(job.key, "hex");
  if (mode === 2) {
    const N = 2 ** stored[39];
    secret = crypto.scryptSync(job.password, stored.subarray(40, 56), 32, { N, r: 8, p: 1, maxmem: 2 ** 31 });
  }
  if (mode === 3) {
    const { ecdh, own } = agree();
    secret = ecdh.computeSecret(stored.subarray(39, 72));
    recipient = own;
  }
  const head = stored.subarray(0, fixed);
  const keys = Buffer.from(crypto.hkdfSync("sha256", secret, nonce, Buffer.concat([INFO, head, recipient]), 64));
  const check = crypto.createHmac("sha256", keys.subarray(32)).update(head).digest();
  if (!check.equals(stored.subarray(fixed, fixed + 32))) throw new Error("wrong secret");
  const parts = [];
  for (let at = 0; at < stored.length; at += BLOCK) {
    const end = Math.min(at + BLOCK, stored.length), iv = Buffer.alloc(12);
    iv.writeUInt32BE(at / BLOCK, 7);
    iv[11] = end === stored.length ? 1 : 0;
    const decipher = crypto.createDecipheriv("aes-256-gcm", keys.subarray(0, 32), iv);
    decipher.setAuthTag(stored.subarray(end - TAG, end));
    parts.push(decipher.update(stored.subarray(at === 0 ? fixed + 32 : at, end - TAG)), decipher.final());
  }
  return Buffer.concat(parts);
}

process.stdout.write((stored.subarray(0, 6).equals(Buffer.from("ZGENC\x01")) ? authenticated() : publicFormat()).toString("hex"));
