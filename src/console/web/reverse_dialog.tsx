import {useRef, useState} from "react";
import {call, newKey} from "./api";
import {Input} from "./filters";
import {useAction} from "./load";
import {exponentOf, formatted, parseAmount, plain} from "./money";
import {Dialog, Failure} from "./parts";
import type {Transaction} from "./types";

const REVERSIBLE = ["DEBIT", "CREDIT", "TRANSFER", "CAPTURE"];
const REASON_CHARS_MAX = 255;

const leftOf = (one: Transaction) => BigInt(one.amount_cents) - BigInt(one.reversed_cents);

export function isReversible(one: Transaction): boolean {
    return REVERSIBLE.includes(one.type) && one.status === "PROCESSED" && leftOf(one) > 0n;
}

// Several legs are reversed together, in whole.
export function ReverseDialog({one, close, done}: {one: Transaction; close(): void; done(made: Transaction): void}) {
    const key = useRef(newKey());
    const inPart = one.legs === null || one.legs.length === 1;
    const left = formatted(leftOf(one), one.currency);
    const [text, setText] = useState(plain(leftOf(one), one.currency));
    const [reason, setReason] = useState("");
    const parsed = parseAmount(text, one.currency);
    const wrong = !inPart ? "" : "wrong" in parsed ? parsed.wrong
        : parsed.cents > leftOf(one) ? `Amount may be at most what is left to reverse, ${left}.` : "";
    const {busy, error, run} = useAction(async () => {
        if (wrong) return;
        const amount = inPart && "cents" in parsed ? {amount_cents: Number(parsed.cents)} : {};
        const body = {...amount, ...(reason.trim() && {reason: reason.trim()}), idempotency_key: key.current};
        done(await call<Transaction>("POST", `v1/transactions/${one.id}/reverse`, {body, headers: {Prefer: "wait=5"}}));
    });
    return (
        <Dialog title="Reverse the transaction" close={close}>
            <form onSubmit={(event) => { event.preventDefault(); void run(); }}>
                {inPart && (
                    <Input label={`Amount in ${one.currency}`} value={text} set={setText} inputMode="decimal" required
                           hint={`At most ${left}, with up to ${exponentOf(one.currency)} decimals.`}/>
                )}
                <Input label="Reason" value={reason} set={setReason} maxLength={REASON_CHARS_MAX}/>
                {wrong ? <p className="failure" role="alert">{wrong}</p>
                    : <p>Makes a REVERSAL of <strong>{inPart ? `${text} ${one.currency}` : left}</strong>, which moves
                        the money back the way it came. It is refused if the money is no longer there.</p>}
                <Failure error={error}/>
                <div className="actions">
                    <button type="button" onClick={close}>Cancel</button>
                    <button className="danger" disabled={busy || wrong !== ""}>Reverse</button>
                </div>
            </form>
        </Dialog>
    );
}
