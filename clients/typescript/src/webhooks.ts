// Checks that a webhook comes from Ledgerline, by the Standard Webhooks specification.
//
//     const event = await verifyWebhook(body, request.headers, "whsec_...");  // the body as it came, not parsed
//
// A webhook may come again, with the same webhook-id: remember those that you have acted on.
import type * as types from "./types.js";

const tolerance = 300; // seconds, before and after

// It does not come from Ledgerline, or it is old: answer 400 and do nothing.
export class WebhookError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "WebhookError";
  }
}

// Those of Node's requests, or of fetch.
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

// The event in the body. secrets: one, or several while you change from one to another. now: in ms.
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secrets: string | string[],
  now: number = Date.now(),
): Promise<types.Event> {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => {
    const value = valueOf(headers, name);
    if (!value) throw new WebhookError(`the header ${name} is missing`);
    return value;
  }) as [string, string, string];
  if (!/^\d+$/.test(timestamp)) throw new WebhookError("webhook-timestamp is no number of seconds");
  if (Math.abs(now / 1000 - Number(timestamp)) > tolerance)
    throw new WebhookError("webhook-timestamp is too far from now");
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array([...head, ...bytes]);
  if (!(await isSignedByOne(signed, signatures.split(" "), typeof secrets === "string" ? [secrets] : secrets)))
    throw new WebhookError("no signature is by a secret of ours");
  return JSON.parse(new TextDecoder().decode(bytes)) as types.Event;
}

function valueOf(headers: WebhookHeaders, wanted: string): string | undefined {
  if (typeof (headers as Headers).get === "function") return (headers as Headers).get(wanted) ?? undefined;
  for (const [name, value] of Object.entries(headers))
    if (name.toLowerCase() === wanted) return Array.isArray(value) ? value[0] : (value as string | undefined);
  return undefined;
}

// All are compared, each in constant time, so that the time taken says nothing.
async function isSignedByOne(signed: Uint8Array, given: string[], secrets: string[]): Promise<boolean> {
  let known = false;
  for (const secret of secrets) {
    const bytes = bytesOf(secret.replace(/^whsec_/, ""));
    if (!bytes) throw new TypeError("a secret of webhooks is whsec_ and base64");
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const key = await globalThis.crypto.subtle.importKey("raw", bytes, hmac, false, ["verify"]);
    for (const each of given) {
      const signature = each.startsWith("v1,") ? bytesOf(each.slice(3)) : undefined;
      if (signature && (await globalThis.crypto.subtle.verify("HMAC", key, signature, signed))) known = true;
    }
  }
  return known;
}

function bytesOf(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}
