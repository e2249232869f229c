import {useEffect, useRef, useState} from "react";
import {Refusal} from "./api";
import {Choice, decideAll, Look, look, LETTERS_MAX, Progress} from "./bulk";
import {Input} from "./filters";
import {useAction} from "./load";
import {count} from "./money";
import {Dialog, Failure, Id, Table, Time} from "./parts";

const OPERATOR_KEY = "ledgerline-operator";
const REFUSED_SHOWN_MAX = 20;

const letters = (many: number) => `${count(many)} dead letter${many === 1 ? "" : "s"}`;

// What is kept of who decides, for the next time.
export function useAudit() {
    const [by, setBy] = useState(sessionStorage.getItem(OPERATOR_KEY) ?? "");
    const [reason, setReason] = useState("");
    const keep = (name: string) => {
        sessionStorage.setItem(OPERATOR_KEY, name);
        setBy(name);
    };
    const fields = (
        <div className="filters">
            <Input label="Your name, for the audit" value={by} set={keep} maxLength={100}/>
            <Input label="Reason, for the audit" value={reason} set={setReason} maxLength={500}/>
        </div>
    );
    return {audit: {by: by.trim(), reason: reason.trim()}, fields};
}

function DryRun({plan}: {plan: Look}) {
    return (
        <>
            <p>{letters(plan.summary.count)} in state PARKED match{plan.summary.count === 1 ? "es" : ""}.{" "}
                <strong>{letters(plan.total)}</strong> would be {plan.choice === "replay" ? "replayed" : "discarded"},
                the oldest first.
                {plan.foreign > 0 && <> {letters(plan.foreign)} of class foreign can only be discarded.</>}
            </p>
            <Table caption="By class and code" empty="Nothing matches." rows={plan.summary.groups}
                   id={(one) => one.error_class + one.error_code} columns={[
                {name: "Class", cell: (one) => one.error_class},
                {name: "Code", cell: (one) => <code>{one.error_code}</code>},
                {name: "Letters", number: true, cell: (one) => count(one.count)},
            ]}/>
            {plan.summary.amounts.length > 0 && (
                <Table caption="Amounts" empty="" rows={plan.summary.amounts}
                       id={(one) => one.currency + one.type} columns={[
                    {name: "Type", cell: (one) => one.type},
                    {name: "Letters", number: true, cell: (one) => count(one.count)},
                    {name: "Amount", amount: (one) => [one.amount_cents, one.currency]},
                ]}/>
            )}
            {plan.sample.length > 0 && <>
                <h3>The oldest {plan.sample.length}</h3>
                <Table caption="The oldest" empty="" rows={plan.sample} id={(one) => one.id} columns={[
                    {name: "Letter", cell: (one) => <Id value={one.id}/>},
                    {name: "Code", cell: (one) => <code>{one.error_code}</code>},
                    {name: "Last failure", cell: (one) => <Time at={one.last_failed_at}/>},
                ]}/>
            </>}
        </>
    );
}

function Done({plan, progress}: {plan: Look; progress: Progress}) {
    const verb = plan.choice === "replay" ? "replayed" : "discarded";
    return (
        <>
            <p role="status"><strong>{count(progress.decided)} of {letters(plan.total)} {verb}.</strong>
                {progress.asked > 0 && <> Another key must approve {count(progress.asked)}.</>}
                {progress.refused.length > 0 && <> {count(progress.refused.length)} refused.</>}</p>
            <progress max={plan.total} value={progress.seen} aria-label="Progress"/>
            {progress.refused.slice(0, REFUSED_SHOWN_MAX).map(({id, why}) => (
                <p key={id} className="failure"><code>{id}</code> {why}</p>
            ))}
        </>
    );
}

// A replay only applies what was accepted; a discard cannot be undone, so its number has to be typed.
function Confirmation({plan, typed, setTyped}: {plan: Look; typed: string; setTyped(text: string): void}) {
    if (plan.choice === "replay")
        return <p>Each of these {letters(plan.total)} becomes REPLAYED, and its transaction gets a new event at the
            end of its lanes.</p>;
    return (
        <>
            <p>Each of these {letters(plan.total)} becomes DISCARDED, and its transaction FAILED.{" "}
                <strong>This cannot be undone.</strong></p>
            <Input label={`Type ${plan.total} to confirm`} value={typed} set={setTyped} inputMode="numeric"/>
        </>
    );
}

export function BulkDialog({choice, filters, close}: {choice: Choice; filters: Record<string, string>; close(): void}) {
    const [plan, setPlan] = useState<Look>();
    const [failed, setFailed] = useState<Refusal>();
    const [progress, setProgress] = useState<Progress>();
    const [typed, setTyped] = useState("");
    const stop = useRef(false);
    const {audit, fields} = useAudit();
    useEffect(() => {
        const aborted = new AbortController();
        look(choice, filters, LETTERS_MAX, aborted.signal).then(setPlan, (error) => {
            if (error instanceof Refusal) setFailed(error);
        });
        return () => {
            aborted.abort();
            stop.current = true;
        };
    }, []);
    const {busy, error, run} = useAction(async () => {
        stop.current = false;
        setProgress({seen: 0, decided: 0, asked: 0, refused: []});
        await decideAll(plan!, audit, () => stop.current, setProgress);
    });
    const verb = choice === "replay" ? "Replay" : "Discard";
    const ready = plan && plan.total > 0 && !progress && (choice === "replay" || typed.trim() === String(plan.total));
    return (
        <Dialog title={`${verb} parked dead letters`} close={() => { if (!busy) close(); }}>
            <Failure error={failed ?? error}/>
            {!plan && !failed && <p className="muted">Looking, without changing anything …</p>}
            {plan && !progress && <>
                <DryRun plan={plan}/>
                {plan.total > 0 && <>{fields}<Confirmation plan={plan} typed={typed} setTyped={setTyped}/></>}
            </>}
            {plan && progress && <Done plan={plan} progress={progress}/>}
            <div className="actions">
                {busy && <button type="button" onClick={() => { stop.current = true; }}>Stop</button>}
                {!busy && <button type="button" onClick={close}>{progress ? "Close" : "Cancel"}</button>}
                {plan && !progress && plan.total > 0 && (
                    <button type="button" className={choice === "replay" ? "main" : "danger"} disabled={!ready}
                            onClick={() => run()}>
                        {verb} {letters(plan.total)}
                    </button>
                )}
            </div>
        </Dialog>
    );
}
