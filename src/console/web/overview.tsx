import {ReactNode, useEffect, useRef, useState} from "react";
import {SmallChart} from "./chart";
import {age, waiting} from "./lanes";
import {useLoad} from "./load";
import {count} from "./money";
import {Amount, Failure, Heading, Id, PlaceLink, Table, Time} from "./parts";
import {useMay} from "./places";
import {linkTo} from "./route";
import {why} from "./transactions";
import type {Hold, Lane, LetterSummary, Stats, Transaction} from "./types";

const LOOK_MS = 2_000;
const LOOK_AT_LISTS_MS = 10_000;
const SAMPLES_MAX = 90;
// How much of a list is added up.
const SUMMED_ROWS_MAX = 200;
const REFUSALS_SHOWN = 5;
const CODES_SHOWN = 3;

interface Sample {
    at: number;
    accepted: number;
    applied: number;
    failed: number;
}

interface Rates {
    labels: string[];
    accepted: number[];
    applied: number[];
    failed: number[];
}

function ratesOf(samples: Sample[]): Rates {
    const rates: Rates = {labels: [], accepted: [], applied: [], failed: []};
    for (let i = 1; i < samples.length; ++i) {
        const [before, now] = [samples[i - 1], samples[i]];
        const seconds = (now.at - before.at) / 1000;
        // Counters of a process that was started again begin at 0.
        const rate = (name: "accepted" | "applied" | "failed") =>
            Math.max(0, Math.round((now[name] - before[name]) / seconds));
        rates.labels.push(new Date(now.at).toISOString().slice(11, 19));
        rates.accepted.push(rate("accepted"));
        rates.applied.push(rate("applied"));
        rates.failed.push(rate("failed"));
    }
    return rates;
}

// Lanes tell the rates of the whole installation, whichever process is asked; refusals are counted by each process.
function useRates(lanes?: Lane[], stats?: Stats): Rates {
    const samples = useRef<Sample[]>([]);
    const [rates, setRates] = useState<Rates>(ratesOf([]));
    useEffect(() => {
        if (!lanes || !stats) return;
        const sum = (of: (lane: Lane) => number) => lanes.reduce((total, lane) => total + of(lane), 0);
        samples.current = [...samples.current.slice(-SAMPLES_MAX), {
            at: Date.now(), accepted: sum((lane) => lane.last_seq), applied: sum((lane) => lane.applied_seq),
            failed: stats.counters.failed ?? 0,
        }];
        setRates(ratesOf(samples.current));
    }, [lanes]);
    return rates;
}

const last = (values: number[]) => values[values.length - 1] ?? 0;

function Card({name, value, note, to, tone}: {
    name: string;
    value: ReactNode;
    note?: ReactNode;
    to?: string;
    tone?: string;
}) {
    return (
        <div className={`card ${tone ?? ""}`}>
            <h2>{to === undefined ? name : <PlaceLink to={to}>{name}</PlaceLink>}</h2>
            <p className="value">{value}</p>
            {note && <p className="muted">{note}</p>}
        </div>
    );
}

type Sum = {currency: string; cents: bigint};

function sums(rows: Sum[]): Sum[] {
    const totals = new Map<string, bigint>();
    for (const {currency, cents} of rows) totals.set(currency, (totals.get(currency) ?? 0n) + cents);
    const sorted = [...totals].sort(([one], [other]) => one.localeCompare(other));
    return sorted.map(([currency, cents]) => ({currency, cents}));
}

function Sums({of, more}: {of?: Sum[]; more?: boolean}) {
    if (!of) return <>…</>;
    if (of.length === 0) return <>none</>;
    return (
        <>
            {of.map(({currency, cents}) => (
                <span key={currency} className="sum">{more && "over "}<Amount cents={cents} currency={currency}/></span>
            ))}
        </>
    );
}

type TransactionPage = {transactions: Transaction[]; has_more: boolean};
type HoldPage = {holds: Hold[]; has_more: boolean};
const ofTransactions = (status: string, limit: number) => `v1/transactions?status=${status}&limit=${limit}`;
const sumOf = ({currency, amount_cents}: Transaction): Sum => ({currency, cents: BigInt(amount_cents)});
const restOf = ({currency, amount_cents, captured_cents, released_cents}: Hold): Sum =>
    ({currency, cents: BigInt(amount_cents) - BigInt(captured_cents) - BigInt(released_cents)});
const some = (rows: number, more?: boolean) => (more ? "over " : "") + count(rows);

function InFlight() {
    const pending = useLoad<TransactionPage>(ofTransactions("PENDING", SUMMED_ROWS_MAX), LOOK_AT_LISTS_MS);
    const processing = useLoad<TransactionPage>(ofTransactions("PROCESSING", SUMMED_ROWS_MAX), LOOK_AT_LISTS_MS);
    const holds = useLoad<HoldPage>(`v1/holds?state=OPEN&limit=${SUMMED_ROWS_MAX}`, LOOK_AT_LISTS_MS);
    const accepted = pending.data && processing.data && [...pending.data.transactions, ...processing.data.transactions];
    const unsettled = accepted?.filter((one) => one.type !== "RELEASE");  // a release moves no money
    const more = pending.data?.has_more || processing.data?.has_more;
    const open = holds.data?.holds;
    return (
        <>
            <Card name="Money not settled" to="transactions"
                  value={<Sums of={unsettled && sums(unsettled.map(sumOf))} more={more}/>}
                  note={unsettled && `${some(unsettled.length, more)} transactions accepted, not decided`}/>
            <Card name="Money on hold" to="holds?state=OPEN"
                  value={<Sums of={open && sums(open.map(restOf))} more={holds.data?.has_more}/>}
                  note={open && `${some(open.length, holds.data?.has_more)} open holds`}/>
        </>
    );
}

function DeadLetters() {
    const {data, error} = useLoad<LetterSummary>("v1/dead-letters/summary?state=PARKED", LOOK_AT_LISTS_MS);
    const most = data?.groups.slice(0, CODES_SHOWN).map((one) => `${one.error_code}: ${count(one.count)}`).join(", ");
    return (
        <>
            <Card name="Dead letters" to="dead-letters?state=PARKED" value={data ? count(data.count) : "…"}
                  tone={data && data.count > 0 ? "warn" : ""} note={most || "none waits for a decision"}/>
            <Failure error={error}/>
        </>
    );
}

function Refusals() {
    const {data, error} = useLoad<TransactionPage>(ofTransactions("FAILED", REFUSALS_SHOWN), LOOK_AT_LISTS_MS);
    return (
        <section aria-label="Latest refusals">
            <h2><a href={linkTo("transactions", {status: "FAILED"})}>Latest refusals</a></h2>
            <Failure error={error}/>
            <Table caption="Latest refusals" empty="No transaction was refused." rows={data?.transactions}
                   id={(one) => one.id} columns={[
                {name: "Id", cell: (one) => <Id value={one.id} to="transactions"/>},
                {name: "Decided", cell: (one) => <Time at={one.updated_at}/>},
                {name: "Type", cell: (one) => one.type},
                {name: "Amount", amount: (one) => [one.amount_cents, one.currency]},
                {name: "Account", cell: (one) => <Id value={one.account_id} to="accounts"/>},
                {name: "Reason", cell: why},
            ]}/>
        </section>
    );
}

function Charts({lanes, rates}: {lanes: Lane[]; rates: Rates}) {
    const waits = lanes.map(waiting);
    const now = `${last(rates.accepted)} accepted, ${last(rates.applied)} applied, ${last(rates.failed)} refused`;
    return (
        <div className="charts">
            <section aria-label="Rates">
                <h2>Events per second</h2>
                <SmallChart kind="line" labels={rates.labels}
                            label={`Events per second over time. Now: ${now}.`}
                            series={[
                                {name: "accepted", values: rates.accepted, colour: "--accent"},
                                {name: "applied", values: rates.applied, colour: "--good", dash: [6, 3]},
                                {name: "refused", values: rates.failed, colour: "--bad", dash: [2, 2]},
                            ]}/>
            </section>
            <section aria-label="Lag by lane">
                <h2>Waiting by lane</h2>
                <SmallChart kind="bar" labels={lanes.map((lane) => String(lane.lane))}
                            label={`Events that wait, by lane. The most: ${Math.max(0, ...waits)}.`}
                            series={[{name: "waiting", values: waits, colour: "--accent"}]}/>
            </section>
        </div>
    );
}

export function OverviewPage() {
    const may = useMay();
    const seesLanes = may("lanes:read"), seesTransactions = may("transactions:read");
    const {data, error} = useLoad<{lanes: Lane[]}>(seesLanes ? "v1/lanes" : null, LOOK_MS);
    const {data: stats} = useLoad<Stats>("stats", LOOK_MS);
    const rates = useRates(data?.lanes, stats);
    const lanes = data?.lanes ?? [];
    const lag = lanes.reduce((sum, lane) => sum + waiting(lane), 0);
    const ages = lanes.map((lane) => lane.oldest_waiting_age_ms ?? -1);
    const oldest = Math.max(-1, ...ages);
    const halted = lanes.filter((lane) => lane.halts.length > 0).length;
    return (
        <>
            <Heading>Overview</Heading>
            <Failure error={error}/>
            <div className="cards">
                {seesLanes && <>
                    <Card name="Accepted" value={`${count(last(rates.accepted))}/s`}
                          note={`${count(last(rates.applied))}/s applied`}/>
                    <Card name="Waiting" to="lanes" value={data ? count(lag) : "…"} tone={halted > 0 ? "bad" : ""}
                          note={halted > 0 ? `${halted} lanes are halted`
                              : `oldest: ${age(oldest < 0 ? null : oldest)}`}/>
                </>}
                <Card name="Refused" to="transactions?status=FAILED"
                      value={stats ? count(stats.counters.failed ?? 0) : "…"} note="by this process since it began"/>
                {may("dead-letters:read") && <DeadLetters/>}
                {seesTransactions && <InFlight/>}
            </div>
            {data && <Charts lanes={lanes} rates={rates}/>}
            {seesTransactions && <Refusals/>}
        </>
    );
}
