// The pages, and what the session may see and do: by the scopes of its key, and by the tenant that is looked at. The
// server refuses everything else anyway.
import {session, tenant} from "./api";
import {useStore} from "./store";

export type Scope = "accounts:read" | "accounts:write" | "transactions:read" | "transactions:write" | "holds:write"
    | "dead-letters:read" | "dead-letters:decide" | "lanes:read" | "webhooks:read" | "webhooks:write" | "tenants:admin"
    | "admin";

const CHANGING: Scope[] = ["accounts:write", "transactions:write", "holds:write", "dead-letters:decide", "webhooks:write",
    "admin"];

export interface Place {
    path: string;
    name: string;
    scope?: Scope;
}

export const PLACES: Place[] = [
    {path: "", name: "Overview"},
    {path: "accounts", name: "Accounts", scope: "accounts:read"},
    {path: "transactions", name: "Transactions", scope: "transactions:read"},
    {path: "holds", name: "Holds", scope: "transactions:read"},
    {path: "dead-letters", name: "Dead letters", scope: "dead-letters:read"},
    {path: "lanes", name: "Lanes", scope: "lanes:read"},
    {path: "webhooks", name: "Webhooks", scope: "webhooks:read"},
    {path: "keys", name: "Keys", scope: "admin"},
    {path: "audit", name: "Audit", scope: "admin"},
];

// "transactions/<id>" needs what "transactions" needs.
export function scopeOf(path: string): Scope | undefined {
    const [first] = path.split(/[/?]/);
    return PLACES.find((place) => place.path === first)?.scope;
}

export function useMay(): (scope?: Scope) => boolean {
    const scopes = useStore(session)?.scopes ?? [];
    const acts = useStore(tenant) !== "";  // only an operator can, who is admin there
    return (scope) => scope === undefined || scopes.includes(scope) || (acts && scope === "admin");
}

export function useMayChangeAnything(): boolean {
    const may = useMay();
    return CHANGING.some(may);
}
