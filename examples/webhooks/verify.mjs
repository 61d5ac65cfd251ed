// Is this webhook from Holdfast, whole and fresh? Copy this file; it needs nothing but Node.
//
//     verify(body, request.headers, secret);         // body: a Buffer of the raw bytes, before anything parses them
//     const event = JSON.parse(body);
//
// Either family of signatures proves the same; check one. Both throw InvalidWebhook: answer 400 and do not act on the request.

import { createHmac, timingSafeEqual } from "node:crypto";

export class InvalidWebhook extends Error {}

// `webhook-signature` (Standard Webhooks). `headers`: names in lower case, as Node has them.
export function verify(body, headers, secret, { tolerance = 300, now = Date.now() / 1000 } = {}) {
  const stamp = headers["webhook-timestamp"] ?? "";
  fresh(stamp, tolerance, now);
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = createHmac("sha256", key).update(`${headers["webhook-id"] ?? ""}.${stamp}.`).update(body);
  oneOf((headers["webhook-signature"] ?? "").split(" "), `v1,${signed.digest("base64")}`);
}

// `Boseat-Signature`.
export function verifyBoseat(body, headers, secret, { tolerance = 300, now = Date.now() / 1000 } = {}) {
  const parts = (headers["boseat-signature"] ?? "").split(",");
  const stamp = parts.find((part) => part.startsWith("t="))?.slice(2) ?? "";
  fresh(stamp, tolerance, now);
  oneOf(parts, `v1=${createHmac("sha256", secret).update(`${stamp}.`).update(body).digest("hex")}`);
}

function fresh(stamp, tolerance, now) {
  if (!/^[0-9]{1,12}$/.test(stamp)) throw new InvalidWebhook("no time");
  if (Math.abs(now - Number(stamp)) > tolerance) throw new InvalidWebhook("too old, or from the future");
}

// In constant time; while a secret is replaced there are two signatures.
function oneOf(given, expected) {
  const wanted = Buffer.from(expected);
  const equal = given.map((each) => Buffer.from(each)).map((each) => each.length === wanted.length && timingSafeEqual(each, wanted));
  if (!equal.includes(true)) throw new InvalidWebhook("not signed with this secret");
}
