import {ReactNode, useState} from "react";
import {useLoad} from "./load";
import {Amount, Badge, ChangeButton, Facts, Failure, Heading, Id, Metadata, PlaceLink, Table, Time} from "./parts";
import {isReversible, ReverseDialog} from "./reverse_dialog";
import type {Leg, Trace, TracedEvent, Transaction} from "./types";
import {Input} from "./filters";

const LOOK_AGAIN_MS = 2_000;
const TRACES_KEY = "ledgerline-traces";

function traceLink(template: string, traceId: string): string | null {
    if (!/^https?:\/\//.test(template) || !template.includes("{trace_id}")) return null;
    return template.replace("{trace_id}", encodeURIComponent(traceId));
}

// The console does not know where traces are looked at, so that is told to this browser.
function TraceId({id, template}: {id: string; template: string}) {
    const link = traceLink(template, id);
    return link ? <a href={link} target="_blank" rel="noreferrer noopener"><code>{id}</code></a> : <code>{id}</code>;
}

function TracesAddress({template, set}: {template: string; set(value: string): void}) {
    return (
        <details>
            <summary>Where traces are shown</summary>
            <Input label="Address with {trace_id}" value={template} type="url" set={set}
                   hint="Such as http://localhost:16686/trace/{trace_id}. Kept in this browser."/>
        </details>
    );
}

interface Step {
    at: string;
    name: string;
    tone: string;
    more: ReactNode;
}

function milliseconds(from: string, to: string): string {
    const time = Date.parse(to) - Date.parse(from);
    return time < 10_000 ? `${Math.max(0, time)} ms later` : `${Math.round(time / 1000)} s later`;
}

function stepsOf(event: TracedEvent, {currency, type}: Transaction, template: string): Step[] {
    const accepted = event.replay_of ? "Replayed" : event.discard_of ? "Discarded" : "Accepted";
    const steps: Step[] = [{
        at: event.created_at, name: accepted, tone: "good",
        more: <>Place {event.seq} of lane {event.lane}
            {event.trace_id && <>, trace <TraceId id={event.trace_id} template={template}/></>}.</>,
    }];
    const waits = event.published ? "Published, not applied yet" : "Not published yet";
    if (!event.outcome && !event.dead_letter) steps.push({at: "", name: waits, tone: "busy", more: null});
    const letter = event.dead_letter;
    if (letter)
        steps.push({
            at: letter.last_failed_at, name: "Parked as a dead letter", tone: "warn",
            more: <><PlaceLink to={`dead-letters/${letter.id}`}>{letter.error_code}</PlaceLink>{" "}
                after {letter.attempts} attempts: {letter.error_message}{" "}
                <Badge value={letter.state}/>{letter.decided_by && <> by {letter.decided_by}</>}</>,
        });
    const outcome = event.outcome;
    if (outcome)
        steps.push({
            at: outcome.processed_at, name: outcome.status, tone: outcome.status === "PROCESSED" ? "good" : "bad",
            more: <>{milliseconds(event.created_at, outcome.processed_at)}.{" "}
                {outcome.balance_after_cents !== null && type !== "TRANSFER" &&
                    <>Balance <Amount cents={outcome.balance_after_cents} currency={currency}/>. </>}
                {outcome.failure_code && <><code>{outcome.failure_code}</code> {outcome.failure_reason}</>}</>,
        });
    return steps;
}

function Timeline({trace}: {trace: Trace}) {
    const [template, setTemplate] = useState(localStorage.getItem(TRACES_KEY) ?? "");
    const keep = (value: string) => {
        localStorage.setItem(TRACES_KEY, value);
        setTemplate(value);
    };
    const steps = trace.events.flatMap((event) => stepsOf(event, trace.transaction, template));
    return (
        <section aria-label="Timeline">
            <h2>Timeline</h2>
            <ol className="timeline">
                {steps.map((step, number) => (
                    <li key={number} className={step.tone}>
                        <strong>{step.name}</strong> {step.at && <Time at={step.at}/>}
                        <div>{step.more}</div>
                    </li>
                ))}
            </ol>
            <TracesAddress template={template} set={keep}/>
        </section>
    );
}

function Legs({legs}: {legs: Leg[]}) {
    const side = (id?: string) => (id ? <Id value={id} to="accounts"/> : "outside");
    return (
        <section aria-label="Legs">
            <h2>Legs</h2>
            <Table caption="Legs" empty="It has no legs." rows={legs.map((leg, number) => ({...leg, number}))}
                   id={(leg) => leg.number} columns={[
                {name: "From", cell: (leg) => side(leg.from_account_id)},
                {name: "To", cell: (leg) => side(leg.to_account_id)},
                {name: "Amount", amount: (leg) => [leg.amount_cents, leg.currency]},
            ]}/>
        </section>
    );
}

// What only some transactions have.
function linksOf(one: Transaction): [string, ReactNode][] {
    const links: [string, ReactNode][] = [];
    if (one.reverses) links.push(["Reverses", <Id value={one.reverses} to="transactions"/>]);
    if (one.hold_id) links.push(["Hold", <Id value={one.hold_id} to="transactions"/>]);
    if (one.previous_id) links.push(["Follows", <Id value={one.previous_id} to="transactions"/>]);
    if (BigInt(one.reversed_cents) > 0n)
        links.push(["Reversed", <Amount cents={one.reversed_cents} currency={one.currency}/>]);
    if (one.reason) links.push(["Reason", one.reason]);
    if (one.occurred_at) links.push(["Occurred", <Time at={one.occurred_at}/>]);
    return links;
}

function Reverse({one, done}: {one: Transaction; done(): void}) {
    const [asks, setAsks] = useState(false);
    const [made, setMade] = useState<Transaction>();
    return (
        <>
            {isReversible(one) && (
                <div className="actions">
                    <ChangeButton needs="transactions:write" act={() => setAsks(true)} danger>Reverse …</ChangeButton>
                </div>
            )}
            <p role="status" className="said">
                {made && <>Reversal <Id value={made.id} to="transactions"/>: {made.status}. {made.failure_reason}</>}
            </p>
            {asks && <ReverseDialog one={one} close={() => setAsks(false)} done={(reversal) => {
                setAsks(false);
                setMade(reversal);
                done();
            }}/>}
        </>
    );
}

export function TransactionPage({id}: {id: string}) {
    const [final, setFinal] = useState(false);
    const path = `v1/transactions/${encodeURIComponent(id)}/trace`;
    const {data: trace, error, reload} = useLoad<Trace>(path, final ? 0 : LOOK_AGAIN_MS);
    if (!trace) return <><Heading>Transaction</Heading><Failure error={error}/></>;
    const one = trace.transaction;
    const decided = one.status === "PROCESSED" || one.status === "FAILED";
    if (decided !== final) setFinal(decided);
    return (
        <>
            <Heading>
                {one.type} <Amount cents={one.amount_cents} currency={one.currency}/> <Badge value={one.status}/>
            </Heading>
            <Failure error={error}/>
            {one.failure_code && <p className="failure"><code>{one.failure_code}</code> {one.failure_reason}</p>}
            <Facts facts={[
                ["Account", <Id value={one.account_id} to="accounts"/>], ["Reference", one.reference ?? "–"],
                ["Idempotency key", <code>{one.idempotency_key}</code>], ["Id", <code>{one.id}</code>],
                ["Created", <Time at={one.created_at}/>],
                ["As JSON", <a href={path}>its trace</a>], ...linksOf(one),
            ]}/>
            <Metadata value={one.metadata}/>
            <Reverse one={one} done={reload}/>
            <Timeline trace={trace}/>
            {one.legs && <Legs legs={one.legs}/>}
        </>
    );
}
