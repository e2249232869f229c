import {useState} from "react";
import {call, session} from "./api";
import {Ask, Tick} from "./ask";
import {Input} from "./filters";
import {useAction} from "./load";
import {Failure} from "./parts";
import type {Scope} from "./places";
import type {Key, MadeKey} from "./types";

const REASON_CHARS_MAX = 255;
const OVERLAP_HOURS = 24;
const OVERLAP_HOURS_MAX = 30 * 24;

function Scopes({chosen, set}: {chosen: Scope[]; set(scopes: Scope[]): void}) {
    // An admin has all that there are.
    const all = session.get()?.scopes ?? [];
    const turn = (scope: Scope, on: boolean) => set(all.filter((one) => (one === scope ? on : chosen.includes(one))));
    return (
        <fieldset>
            <legend>Scopes: what it may do</legend>
            {all.map((scope) => (
                <Tick key={scope} label={<code>{scope}</code>} on={chosen.includes(scope)}
                      set={(on) => turn(scope, on)}/>
            ))}
        </fieldset>
    );
}

// What is typed; a limit that is left empty is none.
const EMPTY = {name: "", amount: "", requests: "", transactions: "", networks: "", expires: ""};
const NONE = {credit: false, overdraw: false};

const integer = (text: string) => (text.trim() === "" ? null : Number(text));

function bodyOf(typed: typeof EMPTY, may: typeof NONE, scopes: Scope[]) {
    const networks = typed.networks.split(",").map((one) => one.trim()).filter(Boolean);
    return {
        name: typed.name.trim(), scopes, networks,
        may_credit_external: may.credit, may_overdraw: may.overdraw,
        amount_cents_max: integer(typed.amount), requests_per_second: integer(typed.requests),
        transactions_per_second: integer(typed.transactions), expires_at: typed.expires.trim() || null,
    };
}

export function NewKeyDialog({close, done}: {close(): void; done(made: MadeKey): void}) {
    const [typed, setTyped] = useState(EMPTY);
    const [may, setMay] = useState(NONE);
    const [scopes, setScopes] = useState<Scope[]>([]);
    const {busy, error, run} = useAction(async () => {
        done(await call<MadeKey>("POST", "v1/keys", {body: bodyOf(typed, may, scopes)}));
    });
    const field = (name: keyof typeof EMPTY) =>
        ({value: typed[name], set: (value: string) => setTyped({...typed, [name]: value})});
    return (
        <Ask title="New key" action="Create" busy={busy} run={() => void run()} close={close}>
            <Input label="Name" required maxLength={100} {...field("name")}/>
            <Scopes chosen={scopes} set={setScopes}/>
            <fieldset>
                <legend>Limits</legend>
                <Tick label="May bring money in from outside" on={may.credit}
                      set={(credit) => setMay({...may, credit})}/>
                <Tick label="May give accounts a floor below 0" on={may.overdraw}
                      set={(overdraw) => setMay({...may, overdraw})}/>
                <div className="filters">
                    <Input label="Largest amount, minor units" type="number" min={1} {...field("amount")}/>
                    <Input label="Requests per second" type="number" min={1} {...field("requests")}/>
                    <Input label="Transactions per second" type="number" min={1} {...field("transactions")}/>
                    <Input label="Expires at" title="A UTC time such as 2026-11-27T09:00:00Z" {...field("expires")}/>
                </div>
                <Input label="Networks" hint="Such as 10.0.0.0/8, 2001:db8::/32. Empty: from everywhere."
                       {...field("networks")}/>
            </fieldset>
            <Failure error={error}/>
        </Ask>
    );
}

const isOwn = (key: Key) => session.get()?.key_id === key.id;

export function RotateDialog({one, close, done}: {one: Key; close(): void; done(made: MadeKey): void}) {
    const [hours, setHours] = useState(String(OVERLAP_HOURS));
    const [reason, setReason] = useState("");
    const {busy, error, run} = useAction(async () => {
        const body = {overlap_s: Math.round(Number(hours) * 3600), ...(reason.trim() && {reason: reason.trim()})};
        done(await call<MadeKey>("POST", `v1/keys/${one.id}/rotate`, {body}));
    });
    return (
        <Ask title={`Rotate ${one.name}`} action="Rotate" busy={busy} run={() => void run()} close={close}>
            <p>The key gets a new secret, which is shown once. The old one is taken for a while as well.
                {isOwn(one) && <strong> It is the key of this session, which ends.</strong>}</p>
            <Input label="Hours for the old secret" type="number" required min={0} max={OVERLAP_HOURS_MAX} value={hours}
                   set={setHours}/>
            <Input label="Reason" value={reason} set={setReason} maxLength={REASON_CHARS_MAX}/>
            <Failure error={error}/>
        </Ask>
    );
}

export function RevokeDialog({one, close, done}: {one: Key; close(): void; done(): void}) {
    const [reason, setReason] = useState("");
    const {busy, error, run} = useAction(async () => {
        await call("POST", `v1/keys/${one.id}/revoke`, {body: {...(reason.trim() && {reason: reason.trim()})}});
        done();
    });
    return (
        <Ask title={`Revoke ${one.name}`} action="Revoke" danger busy={busy} run={() => void run()} close={close}>
            <p>Whoever uses <strong>{one.name}</strong> is refused within 5 seconds, on every instance. This cannot be
                undone.{isOwn(one) && <strong> It is the key of this session, which ends.</strong>}</p>
            <Input label="Reason" value={reason} set={setReason} maxLength={REASON_CHARS_MAX}/>
            <Failure error={error}/>
        </Ask>
    );
}
