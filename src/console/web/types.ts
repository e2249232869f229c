// What the API answers: the types of the TypeScript client, which are made from the OpenAPI document.
import type * as api from "../../../clients/typescript/src/types";
import type {Scope} from "./places";

// In minor units. Those that a number cannot hold exactly are strings (api.ts).
export type Cents = number | string;

type Exact<T> = T extends object
    ? {[K in keyof T]: K extends `${string}_cents` ? Cents | Extract<T[K], null> : Exact<T[K]>}
    : T;

export type Account = Exact<api.Account>;
export type Approval = Exact<api.Approval>;
export type AuditEntry = Exact<api.AuditEntry>;
export type DeadLetter = Exact<api.DeadLetter>;
export type Delivery = Exact<api.WebhookDelivery>;
export type Entry = Exact<api.Entry>;
export type Hold = Exact<api.Hold>;
export type Key = Exact<api.Key>;
export type Lane = Exact<api.Lane>;
export type Leg = Exact<api.Leg>;
export type LetterSummary = Exact<api.DeadLetterSummary>;
export type MadeKey = Exact<api.MadeKey>;
export type MadeWebhook = Exact<api.MadeWebhook>;
export type Stats = Exact<api.Stats>;
export type Trace = Exact<api.TransactionTrace>;
export type TracedEvent = Exact<api.TracedEvent>;
export type Transaction = Exact<api.Transaction>;
export type Webhook = Exact<api.Webhook>;

// The console's own call.
export interface Session {
    version: string;
    needs_key: boolean;
    key_id?: string;
    expires_at?: string;
    may_change?: boolean;
    token?: string;
    scopes?: Scope[];
}
