import {useRef, useState} from "react";
import {call, newKey} from "./api";
import {Filters, IdInput, Input} from "./filters";
import {useAction, usePages} from "./load";
import {exponentOf, formatted, parseAmount, plain} from "./money";
import {Badge, ChangeButton, Choice, Dialog, Failure, Heading, Id, PagedTable, Time} from "./parts";
import {useRoute} from "./route";
import type {Hold, Transaction} from "./types";

const STATES = ["PENDING", "OPEN", "CAPTURED", "RELEASED", "EXPIRED", "FAILED"];
const WAIT = {Prefer: "wait=5"};

function restOf(hold: Hold): bigint {
    return BigInt(hold.amount_cents) - BigInt(hold.captured_cents) - BigInt(hold.released_cents);
}

type Asked = {hold: Hold; what: "capture" | "release"};
type Told = (text: string) => void;

function told(what: string, made: Transaction): string {
    const reason = made.failure_reason ? ` ${made.failure_reason}` : "";
    return `${what}: ${made.status}.${reason}`;
}

function CaptureDialog({hold, close, done}: {hold: Hold; close(): void; done: Told}) {
    const key = useRef(newKey());
    const [text, setText] = useState(plain(restOf(hold), hold.currency));
    const [final, setFinal] = useState(true);
    const rest = formatted(restOf(hold), hold.currency);
    const parsed = parseAmount(text, hold.currency);
    const wrong = "wrong" in parsed ? parsed.wrong
        : parsed.cents > restOf(hold) ? `Amount may be at most the rest, ${rest}.` : "";
    const {busy, error, run} = useAction(async () => {
        if (wrong || !("cents" in parsed)) return;
        const body = {amount_cents: Number(parsed.cents), final, idempotency_key: key.current};
        done(told("Capture", await call<Transaction>("POST", `v1/holds/${hold.id}/capture`, {body, headers: WAIT})));
    });
    const left = "cents" in parsed ? restOf(hold) - parsed.cents : 0n;
    return (
        <Dialog title="Capture the hold" close={close}>
            <form onSubmit={(event) => { event.preventDefault(); void run(); }}>
                <Input label={`Amount in ${hold.currency}`} value={text} set={setText} inputMode="decimal" required
                       hint={`At most ${rest}, with up to ${exponentOf(hold.currency)} decimals.`}/>
                <label className="inline">
                    <input type="checkbox" checked={final} onChange={() => setFinal(!final)}/> Release what is left
                </label>
                {wrong ? <p className="failure" role="alert">{wrong}</p>
                    : <p>Pays <strong>{text} {hold.currency}</strong>{" "}
                        {hold.to_account_id ? <>to account <Id value={hold.to_account_id}/></> : "to the outside"}
                        {left > 0n && <> and {final ? "releases" : "keeps on hold"}{" "}
                            <strong>{formatted(left, hold.currency)}</strong></>}.</p>}
                <Failure error={error}/>
                <div className="actions">
                    <button type="button" onClick={close}>Cancel</button>
                    <button className="main" disabled={busy || wrong !== ""}>Capture</button>
                </div>
            </form>
        </Dialog>
    );
}

function ReleaseDialog({hold, close, done}: {hold: Hold; close(): void; done: Told}) {
    const key = useRef(newKey());
    const {busy, error, run} = useAction(async () => {
        const body = {idempotency_key: key.current};
        done(told("Release", await call<Transaction>("POST", `v1/holds/${hold.id}/release`, {body, headers: WAIT})));
    });
    return (
        <Dialog title="Release the hold" close={close}>
            <p>Gives <strong>{formatted(restOf(hold), hold.currency)}</strong> back to account{" "}
                <Id value={hold.account_id}/>. It cannot be captured afterwards.</p>
            <Failure error={error}/>
            <div className="actions">
                <button type="button" onClick={close}>Cancel</button>
                <button type="button" className="danger" disabled={busy} onClick={() => run()}>Release</button>
            </div>
        </Dialog>
    );
}

export function HoldsPage() {
    const {query} = useRoute();
    const {account_id = "", state = ""} = query;
    const pages = usePages<Hold>("v1/holds", "holds", {account_id, state});
    const [asked, setAsked] = useState<Asked>();
    const [said, setSaid] = useState("");
    const close = () => setAsked(undefined);
    const done = (text: string) => {
        setSaid(text);
        close();
        pages.reload();
    };
    const actions = (hold: Hold) => hold.state === "OPEN" && (
        <span className="row-actions">
            <ChangeButton needs="holds:write" act={() => setAsked({hold, what: "capture"})}>Capture …</ChangeButton>
            <ChangeButton needs="holds:write" act={() => setAsked({hold, what: "release"})} danger>Release …</ChangeButton>
        </span>
    );
    return (
        <>
            <Heading>Holds</Heading>
            <Filters key={account_id + state} place="holds" query={query}>
                {(draft, set) => <>
                    <IdInput label="Account id" value={draft.account_id ?? ""}
                             set={(value) => set("account_id", value)}/>
                    <Choice label="State" value={draft.state ?? ""} of={STATES} set={(value) => set("state", value)}/>
                </>}
            </Filters>
            <p role="status" className="said">{said}</p>
            <PagedTable caption="Holds" pages={pages} empty="No hold matches." id={(hold) => hold.id} columns={[
                {name: "Id", cell: (hold) => <Id value={hold.id} to="transactions"/>},
                {name: "Account", cell: (hold) => <Id value={hold.account_id} to="accounts"/>},
                {name: "Amount", amount: (hold) => [hold.amount_cents, hold.currency]},
                {name: "Captured", amount: (hold) => [hold.captured_cents, hold.currency]},
                {name: "Rest", amount: (hold) => [hold.state === "OPEN" ? restOf(hold) : 0, hold.currency]},
                {name: "Expires", cell: (hold) => <Time at={hold.expires_at}/>},
                {name: "State", cell: (hold) => <Badge value={hold.state}/>},
                {name: "Actions", cell: actions},
            ]}/>
            {asked?.what === "capture" && <CaptureDialog hold={asked.hold} close={close} done={done}/>}
            {asked?.what === "release" && <ReleaseDialog hold={asked.hold} close={close} done={done}/>}
        </>
    );
}
