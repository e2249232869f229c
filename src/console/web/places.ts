// The pages, and what the session may see and do: by the scopes of its key. The server refuses everything else anyway.
import {session} from "./api";
import {useStore} from "./store";

export type Scope = "accounts:read" | "accounts:write" | "transactions:read" | "transactions:write" | "holds:write"
    | "dead-letters:read" | "dead-letters:decide" | "lanes:read" | "webhooks:read" | "webhooks:write" | "admin";

const CHANGING: Scope[] = ["accounts:write", "transactions:write", "holds:write", "dead-letters:decide", "webhooks:write",
    "admin"];

export interface Place {
    path: string;
    name: string;
    scopes?: Scope[];  // any of them
}

export const PLACES: Place[] = [
    {path: "", name: "Overview"},
    {path: "accounts", name: "Accounts", scopes: ["accounts:read"]},
    {path: "transactions", name: "Transactions", scopes: ["transactions:read"]},
    {path: "holds", name: "Holds", scopes: ["transactions:read"]},
    {path: "dead-letters", name: "Dead letters", scopes: ["dead-letters:read"]},
    {path: "lanes", name: "Lanes", scopes: ["lanes:read"]},
    {path: "webhooks", name: "Webhooks", scopes: ["webhooks:read"]},
    {path: "approvals", name: "Approvals", scopes: ["accounts:write", "dead-letters:decide"]},
    {path: "keys", name: "Keys", scopes: ["admin"]},
    {path: "audit", name: "Audit", scopes: ["admin"]},
];

// "transactions/<id>" needs what "transactions" needs.
export function scopesOf(path: string): Scope[] {
    const [first] = path.split(/[/?]/);
    return PLACES.find((place) => place.path === first)?.scopes ?? [];
}

// Whether the session has any of the scopes, if there are any.
export function useMay(): (...any: Scope[]) => boolean {
    const scopes = useStore(session)?.scopes ?? [];
    return (...any) => any.length === 0 || any.some((scope) => scopes.includes(scope));
}

export function useMayChangeAnything(): boolean {
    return useMay()(...CHANGING);
}
