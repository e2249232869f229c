// Calls of the API. Paths are relative to the page, so that it works below any path of a proxy.
import {makeStore} from "./store";
import type {Session} from "./types";

const DEADLINE_MS = 15_000;
const LOOK_AGAIN_MS = 2_000;

// What the server said no to, or why it could not answer.
export class Refusal extends Error {
    constructor(readonly status: number, readonly code: string, detail: string, readonly field = "") {
        super(detail);
    }
    // Whether the same call may succeed later: nobody answered, or nobody could.
    get passes() {
        return this.status === 0 || this.status >= 502;
    }
}

// null while the session is not known yet.
export const session = makeStore<Session | null>(null);
export const sessionEnded = makeStore(false);
// Why the server cannot be used now; "" while it can.
export const trouble = makeStore("");
// The tenant that an operator chose to act in; "" for that of the key. The page forgets it: nobody acts in another tenant
// without having chosen it.
export const tenant = makeStore("");
// Grows when the server is back: what is shown is then loaded again.
export const epoch = makeStore(0);

// Numbers that a double cannot hold become strings: sums of amounts have up to 18 digits and more.
function parse(text: string): unknown {
    return JSON.parse(text.replace(/"(\w*_cents)":(-?\d{16,})/g, '"$1":"$2"'));
}

function refusalOf(status: number, text: string): Refusal {
    try {
        const problem = JSON.parse(text);
        return new Refusal(status, String(problem.code ?? ""), String(problem.detail ?? problem.title), problem.field);
    } catch {
        return new Refusal(status, "", `The server answered ${status} without a reason.`);
    }
}

// What is shared by all tenants, whichever is looked at.
const ofAll = (path: string) => path.startsWith("v1/tenants");

export function chooseTenant(name: string) {
    tenant.set(name === session.get()?.tenant ? "" : name);
}

interface Options {
    body?: unknown;
    headers?: Record<string, string>;
    signal?: AbortSignal;
}

async function ask(method: string, path: string, {body, headers, signal}: Options): Promise<unknown> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
    const cancel = () => deadline.abort();
    signal?.addEventListener("abort", cancel);
    const all: Record<string, string> = {Accept: "application/json", ...headers};
    if (tenant.get() && path.startsWith("v1/") && !ofAll(path)) all["X-Tenant"] = tenant.get();
    if (body !== undefined) all["Content-Type"] = "application/json";
    const token = session.get()?.token;
    if (token && method !== "GET") all["X-CSRF-Token"] = token;
    try {
        const answer = await fetch(path, {
            method,
            headers: all,
            body: body === undefined ? undefined : JSON.stringify(body),
            cache: "no-store",
            credentials: "same-origin",
            redirect: "error",
            signal: deadline.signal,
        });
        const text = await answer.text();
        if (!answer.ok) throw refusalOf(answer.status, text);
        return text ? parse(text) : null;
    } catch (error) {
        if (error instanceof Refusal || signal?.aborted) throw error;
        throw new Refusal(0, "", "The server does not answer.");
    } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancel);
    }
}

export async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
    try {
        return (await ask(method, path, options)) as T;
    } catch (error) {
        if (error instanceof Refusal) note(error);
        throw error;
    }
}

function note(refusal: Refusal) {
    if (refusal.status === 401 && session.get()?.key_id) {
        sessionEnded.set(true);
        tenant.set("");
        session.set({...session.get()!, key_id: undefined, token: undefined, may_change: undefined, scopes: undefined});
    }
    // The first key was made: from now on one is needed.
    if (refusal.status === 401 && session.get()?.needs_key === false) void loadSession().catch(() => undefined);
    if (refusal.passes && !trouble.get()) {
        trouble.set(refusal.message);
        lookAgain();
    }
}

// Until it is ready again. The session may have another state then: the server may have other keys.
function lookAgain() {
    setTimeout(async () => {
        try {
            await ask("GET", "readyz", {});
            session.set((await ask("GET", "console/session", {})) as Session);
            trouble.set("");
            epoch.set(epoch.get() + 1);
        } catch (error) {
            if (error instanceof Refusal) trouble.set(error.message);
            lookAgain();
        }
    }, LOOK_AGAIN_MS);
}

export async function loadSession() {
    session.set(await call<Session>("GET", "console/session"));
}

export async function logIn(key: string) {
    session.set(await call<Session>("POST", "console/session", {headers: {"X-API-Key": key}}));
    sessionEnded.set(false);
}

export async function logOut() {
    tenant.set("");
    session.set(await call<Session>("DELETE", "console/session"));
}

// An API without keys knows no sessions: there the switch is the page's own.
export async function setChanges(allowed: boolean) {
    const now = session.get()!;
    if (!now.needs_key) return session.set({...now, may_change: allowed});
    session.set(await call<Session>(allowed ? "PUT" : "DELETE", "console/session/changes"));
}

// A name for a write: whatever becomes of the answer, repeating it under the same name is safe.
export function newKey(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
