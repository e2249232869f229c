import {useState} from "react";
import {call} from "./api";
import {Asked, isApproval} from "./approvals";
import {Choice} from "./bulk";
import {useAudit} from "./bulk_dialog";
import {useAction, useLoad} from "./load";
import {Badge, ChangeButton, Dialog, Facts, Failure, Heading, Id, Table, Time} from "./parts";
import type {Approval, DeadLetter} from "./types";

function DecisionDialog({letter, choice, close, done}: {
    letter: DeadLetter;
    choice: Choice;
    close(): void;
    done(asked?: Approval): void;
}) {
    const {audit, fields} = useAudit();
    const {busy, error, run} = useAction(async () => {
        const body = {...(audit.by && {by: audit.by}), ...(audit.reason && {reason: audit.reason})};
        const answer = await call<DeadLetter | Approval>("POST", `v1/dead-letters/${letter.id}/${choice}`, {body});
        done(isApproval(answer) ? answer : undefined);
    });
    return (
        <Dialog title={choice === "replay" ? "Replay this dead letter" : "Discard this dead letter"} close={close}>
            <p>{choice === "replay"
                ? "Its transaction gets a new event at the end of its lanes. If that fails, a new letter is parked."
                : letter.transaction_id ? "Its transaction becomes FAILED permanently. This cannot be undone."
                    : "It belongs to no transaction. This cannot be undone."}</p>
            {fields}
            <Failure error={error}/>
            <div className="actions">
                <button type="button" onClick={close}>Cancel</button>
                <button type="button" className={choice === "replay" ? "main" : "danger"} disabled={busy}
                        onClick={() => run()}>
                    {choice === "replay" ? "Replay" : "Discard"}
                </button>
            </div>
        </Dialog>
    );
}

function pretty(text: string): string | null {
    try {
        return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
        return null;
    }
}

const HEX_BYTES_MAX = 4096;

// Offset, bytes, and the characters that they are in ASCII.
function hexOf(base64: string): string {
    const bytes = atob(base64).slice(0, HEX_BYTES_MAX);
    const lines = [];
    for (let at = 0; at < bytes.length; at += 16) {
        const row = Array.from(bytes.slice(at, at + 16), (char) => char.charCodeAt(0));
        const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
        const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
        lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(48)} ${text}`);
    }
    return lines.join("\n");
}

function Payload({letter}: {letter: DeadLetter}) {
    const [raw, setRaw] = useState(false);
    const shown = letter.payload_encoding === "base64" ? hexOf(letter.payload) : pretty(letter.payload);
    const text = raw || shown === null ? letter.payload : shown;
    return (
        <section aria-label="Payload">
            <h2>Payload</h2>
            {shown !== null && (
                <label className="inline">
                    <input type="checkbox" checked={raw} onChange={() => setRaw(!raw)}/>
                    As it came{letter.payload_encoding === "base64" && ", in base64"}
                </label>
            )}
            {text === "" ? <p className="empty">It is empty.</p> : <pre tabIndex={0}>{text}</pre>}
            <h2>Headers</h2>
            <Table caption="Headers" empty="It has no headers." id={(row) => row.number}
                   rows={letter.headers.map((header, number) => ({header, number}))} columns={[
                {name: "Name", cell: ({header}) => <code>{header[0]}</code>},
                {name: "Value", cell: ({header}) => <><code>{header[1]}</code>{header[2] && " (base64)"}</>},
            ]}/>
        </section>
    );
}

function Audit({letter}: {letter: DeadLetter}) {
    return (
        <section aria-label="Audit">
            <h2>Decisions</h2>
            <Table caption="Decisions" empty="Nobody has decided yet." id={(row) => row.decided_at} rows={letter.audit}
                   columns={[
                {name: "Decision", cell: (row) => <Badge value={row.decision}/>},
                {name: "When", cell: (row) => <Time at={row.decided_at}/>},
                {name: "By", cell: (row) => row.decided_by}, {name: "Key", cell: (row) => row.key_id ?? "–"},
                {name: "Reason", cell: (row) => row.reason ?? "–"},
                {name: "Bulk", cell: (row) => <Id value={row.bulk_id}/>},
            ]}/>
        </section>
    );
}

export function DeadLetterPage({id}: {id: string}) {
    const {data: letter, error, reload} = useLoad<DeadLetter>(`v1/dead-letters/${encodeURIComponent(id)}`);
    const [choice, setChoice] = useState<Choice>();
    const [asked, setAsked] = useState<Approval>();
    if (!letter) return <><Heading>Dead letter</Heading><Failure error={error}/></>;
    const parked = letter.state === "PARKED";
    return (
        <>
            <Heading>Dead letter <Badge value={letter.state}/></Heading>
            <Failure error={error}/>
            <Asked approval={asked}/>
            <p className="failure"><code>{letter.error_class} {letter.error_code}</code> {letter.error_message}</p>
            <Facts facts={[
                ["Transaction", <Id value={letter.transaction_id} to="transactions"/>],
                ["Account", <Id value={letter.account_id} to="accounts"/>],
                ["Attempts", letter.attempts],
                ["First failure", <Time at={letter.first_failed_at}/>],
                ["Last failure", <Time at={letter.last_failed_at}/>],
                ["Place", letter.lane === null ? "–" : `${letter.seq} of lane ${letter.lane}`],
                ["Message", `${letter.topic}, partition ${letter.partition}, offset ${letter.offset}`],
                ["Id", <code>{letter.id}</code>],
            ]}/>
            {parked && <div className="actions">
                {letter.error_class !== "foreign" &&
                    <ChangeButton needs="dead-letters:decide" act={() => setChoice("replay")}>Replay …</ChangeButton>}
                <ChangeButton needs="dead-letters:decide" act={() => setChoice("discard")} danger>Discard …</ChangeButton>
            </div>}
            <Payload letter={letter}/>
            <Audit letter={letter}/>
            {choice && <DecisionDialog letter={letter} choice={choice} close={() => setChoice(undefined)}
                                       done={(approval) => { setAsked(approval); setChoice(undefined); reload(); }}/>}
        </>
    );
}
