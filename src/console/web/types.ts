// What the API answers, as far as the console shows it. Amounts are in minor units; those that a number cannot hold
// exactly are strings (api.ts).
export type Cents = number | string;

export interface Account {
    id: string;
    reference: string | null;
    currency: string;
    balance_cents: Cents;
    held_cents: Cents;
    available_cents: Cents;
    min_balance_cents: Cents;
    status: string;
    metadata: unknown;
    created_at: string;
    updated_at: string;
}

export interface Entry {
    transaction_id: string;
    seq: number;
    type: string;
    net_cents: Cents;
    balance_after_cents: Cents;
    processed_at: string;
}

export interface Leg {
    from_account_id?: string;
    to_account_id?: string;
    amount_cents: Cents;
    currency: string;
}

export interface Transaction {
    id: string;
    account_id: string;
    amount_cents: Cents;
    currency: string;
    type: string;
    status: string;
    idempotency_key: string;
    legs: Leg[] | null;
    reference: string | null;
    metadata: unknown;
    failure_code: string | null;
    failure_reason: string | null;
    dead_letter_id: string | null;
    hold_id: string | null;
    reverses: string | null;
    reversed_cents: Cents;
    reason: string | null;
    previous_id: string | null;
    occurred_at: string | null;
    created_at: string;
    updated_at: string;
}

export interface TracedEvent {
    event_id: string;
    lane: number;
    seq: number;
    created_at: string;
    trace_id: string | null;
    replay_of: string | null;
    discard_of: string | null;
    published: boolean;
    dead_letter: {
        id: string;
        state: string;
        error_class: string;
        error_code: string;
        error_message: string;
        attempts: number;
        last_failed_at: string;
        decided_at: string | null;
        decided_by: string | null;
    } | null;
    outcome: {
        status: string;
        balance_after_cents: Cents | null;
        failure_code: string | null;
        failure_reason: string | null;
        processed_at: string;
    } | null;
}

export interface Trace {
    transaction: Transaction;
    events: TracedEvent[];
}

export interface Hold {
    id: string;
    account_id: string;
    to_account_id: string | null;
    amount_cents: Cents;
    currency: string;
    state: string;
    captured_cents: Cents;
    released_cents: Cents;
    expires_at: string;
    reference: string | null;
    created_at: string;
}

export interface Decision {
    decision: string;
    decided_at: string;
    decided_by: string;
    key_id: string | null;
    bulk_id: string | null;
    reason: string | null;
}

export interface DeadLetter {
    id: string;
    state: string;
    transaction_id: string | null;
    account_id: string | null;
    lane: number | null;
    seq: number | null;
    topic: string;
    partition: number;
    offset: number;
    key: string | null;
    payload: string;
    payload_encoding: "utf8" | "base64";
    headers: string[][];
    error_class: string;
    error_code: string;
    error_message: string;
    attempts: number;
    first_failed_at: string;
    last_failed_at: string;
    decided_at: string | null;
    decided_by: string | null;
    audit: Decision[];
}

export interface LetterSummary {
    count: number;
    newest_failed_at: string | null;
    groups: {error_class: string; error_code: string; count: number}[];
    amounts: {currency: string; type: string; count: number; amount_cents: Cents}[];
}

export interface Lane {
    lane: number;
    last_seq: number;
    published_seq: number;
    applied_seq: number;
    owner: string | null;
    oldest_waiting_age_ms: number | null;
    last_error: string | null;
    halts: {stage: string; seq: number; reason: string}[];
}

export interface Stats {
    version: string;
    counters: Record<string, number>;
}

export interface Session {
    version: string;
    needs_key: boolean;
    key_id?: string;
    expires_at?: string;
    may_change?: boolean;
    token?: string;
}
