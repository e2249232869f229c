// Webhooks: which are taken and which are not. Needs no server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { verifyWebhook, WebhookError } = await import(pathToFileURL(process.env.LEDGERLINE_CLIENT));

// Made with openssl, so that the three clients and it agree.
const body = '{"specversion":"1.0","id":"evt-1","type":"transaction.processed"}';
const at = 1764244800;
const [secret, next] = ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_////////////////////////////////"];
const signature = "v1,JOBD6dqe2zAl8YmG1YvT3uArLFpBiWqZ1TZODL/9C78=";
const byNext = "v1,Krfhb/HW9PVSDmYIaF0euiasLVhhWGzAGV8bjNDrE34=";
const headers = (signed = signature, more = {}) => ({
  "Webhook-Id": "evt-1", "webhook-timestamp": String(at), "WEBHOOK-SIGNATURE": signed, ...more });

async function refused(says, { sent = headers(), text = body, secrets = secret, now = at } = {}) {
  await assert.rejects(verifyWebhook(text, sent, secrets, now * 1000), (error) => {
    assert.ok(error instanceof WebhookError, String(error));
    assert.match(error.message, says);
    return true;
  });
}

test("ours is taken", async () => {
  for (const now of [at - 300, at, at + 300])
    assert.equal((await verifyWebhook(body, headers(), secret, now * 1000)).type, "transaction.processed");
  const bytes = new TextEncoder().encode(body);
  assert.equal((await verifyWebhook(bytes, new Headers(headers()), secret, at * 1000)).id, "evt-1");
});

test("a bad signature is refused", async () => {
  const none = /no signature/;
  await refused(none, { text: body.replace("1.0", "1.1") });
  await refused(none, { sent: headers(signature, { "Webhook-Id": "evt-2" }) });
  await refused(none, { sent: headers(signature, { "webhook-timestamp": String(at + 1) }) });
  await refused(none, { secrets: next });
  await refused(none, { secrets: [] });
  for (const signed of [`v2,${signature.slice(3)}`, signature.slice(3), signature.toLowerCase(), "v1,", "v1,*", "x"])
    await refused(none, { sent: headers(signed) });
});

test("an old one is refused, and one from the future", async () => {
  for (const now of [at - 301, at + 301]) await refused(/too far/, { now });
  await assert.rejects(verifyWebhook(body, headers(), secret), WebhookError); // by the clock of today
});

test("secrets rotate", async () => {
  for (const secrets of [secret, next, [secret, next]])
    await verifyWebhook(body, headers(`${byNext} ${signature}`), secrets, at * 1000);
  await verifyWebhook(body, headers(byNext), [secret, next], at * 1000);
  await refused(/no signature/, { sent: headers(byNext) });
});

test("what is missing or malformed is named", async () => {
  for (const name of Object.keys(headers())) {
    const sent = headers();
    delete sent[name];
    await refused(new RegExp(`${name.toLowerCase()} is missing`), { sent });
  }
  for (const time of ["now", "-1", "1e9"])
    await refused(/no number/, { sent: headers(signature, { "webhook-timestamp": time }) });
  await assert.rejects(verifyWebhook(body, headers(), "whsec_not base64!", at * 1000), TypeError);
});
