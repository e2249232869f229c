// A client of Ledgerline's API for Node 18 and browsers, without dependencies: it repeats what is safe to repeat, makes
// idempotency keys and goes over pages.
//
//     const client = new Client({url: "https://ledger.example", apiKey: "..."});
//     const paid = await client.createTransfer({legs: [...]}, {wait: 5});
//     for await (const each of client.transactions({status: "FAILED"})) ...
import * as types from "./types.js";

export * from "./types.js";
export { verifyWebhook, WebhookError, type WebhookHeaders } from "./webhooks.js";

const retried = new Set([408, 429, 502, 503, 504]);
const pauseMax = 10_000; // ms before a request is repeated, whatever the server asks for
const pageLength = 500;

// A refusal, with the problem document; or no answer: then status is 0 and code says which kind.
//
// "unreachable": nothing was done (browsers cannot tell). "outcome_unknown": a movement may have been accepted; send it
// again with its key.
export class LedgerlineError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly problem: Partial<types.Problem> = {},
  ) {
    super(`${detail} (${code})`);
    this.name = "LedgerlineError";
  }
}

// An object of the API, and whether its idempotency key had been used before (not a member that JSON shows).
export type Answer<T> = T & { readonly replayed: boolean };

export interface Settings {
  url?: string;
  apiKey?: string;
  timeout?: number; // ms for one answer
  tries?: number; // of what is safe to repeat
}

// wait: seconds for the outcome. strict: a movement that is FAILED is a LedgerlineError.
export interface Wishes {
  wait?: number;
  strict?: boolean;
}

export interface Call {
  key?: string; // sent as Idempotency-Key
  repeatable?: boolean;
  headers?: Record<string, string>;
}

export type Filters = Record<string, string | number | undefined>;

export class Client {
  private readonly url: string;
  private readonly apiKey: string | undefined;
  private readonly timeout: number;
  private readonly tries: number;

  constructor(settings: Settings = {}) {
    this.url = (settings.url ?? "http://127.0.0.1:8080").replace(/\/+$/, "");
    this.apiKey = settings.apiKey;
    this.timeout = settings.timeout ?? 30_000;
    this.tries = settings.tries ?? 4;
  }

  // Accounts

  createAccount(account: types.NewAccount, key: string = newKey()): Promise<Answer<types.Account>> {
    return this.request("POST", "/v1/accounts", account, { key });
  }
  ensureAccount(reference: string, account: types.EnsuredAccount): Promise<Answer<types.Account>> {
    return this.request("PUT", `/v1/accounts/by-reference/${quoted(reference)}`, account);
  }
  getAccount(id: string): Promise<Answer<types.Account>> {
    return this.request("GET", `/v1/accounts/${quoted(id)}`);
  }
  findAccount(reference: string): Promise<Answer<types.Account>> {
    return this.request("GET", `/v1/accounts/by-reference/${quoted(reference)}`);
  }
  changeAccount(id: string, change: types.AccountChange): Promise<Answer<types.Account>> {
    return this.request("PATCH", `/v1/accounts/${quoted(id)}`, change);
  }
  accounts(filters: Filters = {}): AsyncGenerator<types.Account> {
    return this.pages("/v1/accounts", "accounts", filters);
  }
  entries(id: string, filters: Filters = {}): AsyncGenerator<types.Entry> {
    return this.pages(`/v1/accounts/${quoted(id)}/entries`, "entries", filters);
  }
  balance(id: string, at?: string): Promise<Answer<types.Balance>> {
    return this.request("GET", `/v1/accounts/${quoted(id)}/balance${query({ at })}`);
  }

  // Movements. Without a key in the object a new one is made, which stays the same while it is tried again.

  createTransaction(transaction: types.NewTransaction, wishes: Wishes = {}): Promise<Answer<types.Transaction>> {
    return this.move("/v1/transactions", transaction, wishes);
  }
  createTransfer(transfer: types.NewTransfer, wishes: Wishes = {}): Promise<Answer<types.Transaction>> {
    return this.move("/v1/transfers", transfer, wishes);
  }
  reverse(id: string, reversal: types.NewReversal = {}, wishes: Wishes = {}): Promise<Answer<types.Transaction>> {
    return this.move(`/v1/transactions/${quoted(id)}/reverse`, reversal, wishes);
  }
  createHold(hold: types.NewHold, wishes: Wishes = {}): Promise<Answer<types.Hold>> {
    return this.move("/v1/holds", hold, wishes);
  }
  capture(holdId: string, capture: types.NewCapture = {}, wishes: Wishes = {}): Promise<Answer<types.Transaction>> {
    return this.move(`/v1/holds/${quoted(holdId)}/capture`, capture, wishes);
  }
  release(holdId: string, release: types.NewRelease = {}, wishes: Wishes = {}): Promise<Answer<types.Transaction>> {
    return this.move(`/v1/holds/${quoted(holdId)}/release`, release, wishes);
  }
  // One result for each item, in order: each is accepted or refused alone.
  async createTransactions(items: Array<types.NewTransaction | types.NewTransfer>): Promise<types.BatchResult[]> {
    const transactions = items.map((item) => ({ ...item, idempotency_key: item.idempotency_key ?? newKey() }));
    const body: types.NewTransactions = { transactions };
    const call = { repeatable: true };
    return (await this.request<types.BatchResults>("POST", "/v1/transactions/batch", body, call)).results;
  }
  getTransaction(id: string): Promise<Answer<types.Transaction>> {
    return this.request("GET", `/v1/transactions/${quoted(id)}`);
  }
  transactions(filters: Filters = {}): AsyncGenerator<types.Transaction> {
    return this.pages("/v1/transactions", "transactions", filters);
  }
  getHold(id: string): Promise<Answer<types.Hold>> {
    return this.request("GET", `/v1/holds/${quoted(id)}`);
  }
  holds(filters: Filters = {}): AsyncGenerator<types.Hold> {
    return this.pages("/v1/holds", "holds", filters);
  }

  // Everything else

  // All objects of a list, page by page. A page may be empty although more follow.
  async *pages<T>(path: string, member: string, filters: Filters = {}): AsyncGenerator<T> {
    let cursor: string | undefined;
    do {
      const target = path + query({ limit: pageLength, ...filters, cursor });
      const page = await this.request<Record<string, unknown>>("GET", target);
      for (const each of page[member] as T[]) yield each;
      cursor = (page["next_cursor"] as string | null) ?? undefined;
    } while (cursor);
  }

  // Any call. It is repeated if that is harmless: reads, PUT, what has a key, and what says that it is.
  async request<T extends object>(method: string, path: string, body?: unknown, call: Call = {}): Promise<Answer<T>> {
    const headers: Record<string, string> = { Accept: "application/json", ...call.headers };
    if (this.apiKey) headers["X-API-Key"] = this.apiKey;
    if (call.key) headers["Idempotency-Key"] = call.key;
    const init: RequestInit = { method, headers };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    const repeatable = call.repeatable || call.key || method === "GET" || method === "PUT";
    const tries = repeatable ? this.tries : 1;
    for (let attempt = 1; ; ++attempt) {
      const [answer, error, retryAfter] = await this.attempt<T>(path, init);
      if (answer) return answer;
      if (attempt >= tries || (error.status && !retried.has(error.status))) throw error;
      await new Promise((done) => setTimeout(done, pause(attempt, retryAfter)));
    }
  }

  private move<T extends object>(path: string, body: Movement, wishes: Wishes): Promise<Answer<T>> {
    const prefer = [wishes.wait ? `wait=${wishes.wait}` : "", wishes.strict ? "outcome=strict" : ""].filter(Boolean);
    const headers: Record<string, string> = prefer.length > 0 ? { Prefer: prefer.join(", ") } : {};
    const keyed = { ...body, idempotency_key: body.idempotency_key ?? newKey() };
    return this.request("POST", path, keyed, { repeatable: true, headers });
  }

  private async attempt<T extends object>(path: string, init: RequestInit): Promise<Attempt<T>> {
    const timer = new AbortController();
    const timeout = setTimeout(() => timer.abort(), this.timeout);
    try {
      const response = await fetch(this.url + path, { ...init, signal: timer.signal });
      if (!response.ok) return [undefined, await errorOf(response), response.headers.get("Retry-After")];
      const answer = (await response.json()) as T;
      const replayed = response.headers.get("Idempotent-Replayed") === "true";
      return [Object.defineProperty(answer, "replayed", { value: replayed }) as Answer<T>, noError, null];
    } catch (failure) {
      const cause = (failure as { cause?: { code?: string } }).cause;
      const code = cause?.code === "ECONNREFUSED" ? "unreachable" : "outcome_unknown";
      return [undefined, new LedgerlineError(0, code, `${this.url}: ${String(failure)}`), null];
    } finally {
      clearTimeout(timeout);
    }
  }
}

type Movement = { idempotency_key?: string | null };
type Attempt<T> = [Answer<T> | undefined, LedgerlineError, string | null];
const noError = new LedgerlineError(0, "", "");

export function newKey(): string {
  return globalThis.crypto.randomUUID();
}

function quoted(text: string): string {
  return encodeURIComponent(text);
}

function query(parameters: Filters): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return given.length > 0 ? "?" + new URLSearchParams(given.map(([name, value]) => [name, String(value)])) : "";
}

async function errorOf(response: Response): Promise<LedgerlineError> {
  try {
    const problem = (await response.json()) as types.Problem;
    if (problem.code) return new LedgerlineError(response.status, problem.code, problem.detail, problem);
  } catch {
    // Not JSON: a proxy answered.
  }
  return new LedgerlineError(response.status, `http_${response.status}`, "the answer is no problem document");
}

// What the server asks for; otherwise longer each time, and not the same for all clients.
function pause(attempt: number, retryAfter: string | null): number {
  if (retryAfter && /^\d+$/.test(retryAfter)) return Math.min(Number(retryAfter) * 1000, pauseMax);
  return Math.min(100 * 2 ** attempt, pauseMax) * (0.5 + Math.random() / 2);
}
