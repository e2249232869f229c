// The small parts that all pages are made of.
import {ReactNode, useEffect, useId, useRef} from "react";
import {Refusal, session} from "./api";
import {Pages} from "./load";
import {formatted} from "./money";
import {Scope, scopesOf, useMay} from "./places";
import {linkTo} from "./route";
import {useStore} from "./store";
import type {Cents} from "./types";

export function Amount({cents, currency, signed}: {cents: Cents | bigint; currency: string; signed?: boolean}) {
    const plus = signed && BigInt(cents) > 0n ? "+" : "";
    return <span className="amount">{plus + formatted(cents, currency)}</span>;
}

// In UTC, as in logs and the API.
export function Time({at}: {at: string | null}) {
    if (!at) return <span className="muted">–</span>;
    return <time dateTime={at} title={at}>{at.slice(0, 19).replace("T", " ")}</time>;
}

const SHORT_ID_CHARS = 13;

export function Id({value, to}: {value: string | null; to?: string}) {
    if (!value) return <span className="muted">–</span>;
    const short = <code title={value}>{value.slice(0, SHORT_ID_CHARS)}…</code>;
    return to ? <PlaceLink to={`${to}/${value}`} label={value}>{short}</PlaceLink> : short;
}

// Only the text where the session may not see that place.
export function PlaceLink({to, label, children}: {to: string; label?: string; children: ReactNode}) {
    const may = useMay();
    return may(...scopesOf(to)) ? <a href={linkTo(to)} aria-label={label}>{children}</a> : <>{children}</>;
}

const TONES: Record<string, string> = {
    ACTIVE: "good", PROCESSED: "good", OPEN: "good", CAPTURED: "good", REPLAYED: "good",
    ENABLED: "good", DELIVERED: "good",
    PENDING: "busy", PROCESSING: "busy",
    SUSPENDED: "warn", PARKED: "warn", EXPIRED: "warn", DISABLED: "warn",
    FAILED: "bad", REVOKED: "bad",
};

export function Badge({value}: {value: string}) {
    return <span className={`badge ${TONES[value] ?? "plain"}`}>{value}</span>;
}

export function Failure({error}: {error?: Refusal}) {
    if (!error) return null;
    return <p className="failure" role="alert">{error.message}{error.code && <> <code>{error.code}</code></>}</p>;
}

// A column of anything, or of amounts with their currency.
export type Column<T> =
    | {name: string; number?: boolean; cell(row: T): ReactNode; amount?: undefined}
    | {name: string; amount(row: T): [Cents | bigint, string]};

const isNumber = <T,>(column: Column<T>) => column.amount !== undefined || column.number === true;

function cellOf<T>(column: Column<T>, row: T): ReactNode {
    if (!column.amount) return column.cell(row);
    const [cents, currency] = column.amount(row);
    return <Amount cents={cents} currency={currency}/>;
}

export interface Rows<T> {
    caption: string;
    columns: Column<T>[];
    rows: T[] | undefined;
    empty: string;
    id(row: T): string | number;
}

export function Table<T>({caption, columns, rows, empty, id}: Rows<T>) {
    if (!rows) return <p className="muted">Loading …</p>;
    if (rows.length === 0) return <p className="empty">{empty}</p>;
    return (
        <table>
            <caption className="unseen">{caption}</caption>
            <thead>
                <tr>
                    {columns.map((one) => (
                        <th key={one.name} scope="col" className={isNumber(one) ? "number" : ""}>{one.name}</th>
                    ))}
                </tr>
            </thead>
            <tbody>
                {rows.map((row) => (
                    <tr key={id(row)}>
                        {columns.map((one) => (
                            <td key={one.name} data-name={one.name} className={isNumber(one) ? "number" : ""}>
                                {cellOf(one, row)}
                            </td>
                        ))}
                    </tr>
                ))}
            </tbody>
        </table>
    );
}

export function PagedTable<T>({pages, ...table}: {pages: Pages<T>} & Omit<Rows<T>, "rows">) {
    return (
        <>
            <Failure error={pages.error}/>
            {!pages.error && <Table {...table} rows={pages.data}/>}
            <nav className="pager" aria-label={`Pages of ${table.caption}`}>
                <button type="button" disabled={!pages.previous} onClick={pages.previous}>Previous</button>
                <span aria-live="polite">Page {pages.number}</span>
                <button type="button" disabled={!pages.next} onClick={pages.next}>Next</button>
                <button type="button" onClick={pages.reload}>Reload</button>
            </nav>
        </>
    );
}

export function Facts({facts}: {facts: [string, ReactNode][]}) {
    return (
        <dl className="facts">
            {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
        </dl>
    );
}

export function Field({label, children, hint}: {label: string; children(id: string): ReactNode; hint?: string}) {
    const id = useId();
    return (
        <div className="field"><label htmlFor={id}>{label}</label>{children(id)}{hint && <small>{hint}</small>}</div>
    );
}

export function Choice({label, value, of, set}: {
    label: string;
    value: string;
    of: string[];
    set(value: string): void;
}) {
    return (
        <Field label={label}>
            {(id) => (
                <select id={id} value={value} onChange={(event) => set(event.target.value)}>
                    <option value="">all</option>
                    {of.map((one) => <option key={one}>{one}</option>)}
                </select>
            )}
        </Field>
    );
}

// A modal dialog: the browser keeps the focus inside, Escape closes it, and the focus returns to what opened it.
export function Dialog({title, close, children}: {title: string; close(): void; children: ReactNode}) {
    const dialog = useRef<HTMLDialogElement>(null);
    const heading = useId();
    useEffect(() => {
        const opener = document.activeElement;
        dialog.current?.showModal();
        return () => {
            if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
        };
    }, []);
    return (
        <dialog ref={dialog} aria-labelledby={heading} onCancel={(event) => { event.preventDefault(); close(); }}>
            <h2 id={heading}>{title}</h2>
            {children}
        </dialog>
    );
}

export const useMayChange = () => useStore(session)?.may_change === true;

// What changes something. It is not there where the session's key does not have the scope; without the switch at the
// top it cannot be pressed, and says why.
export function ChangeButton({needs, act, children, danger}: {
    needs: Scope;
    act(): void;
    children: ReactNode;
    danger?: boolean;
}) {
    const allowed = useMayChange();
    const may = useMay();
    if (!may(needs)) return null;
    return (
        <button type="button" className={danger ? "danger" : ""} disabled={!allowed} onClick={act}
                title={allowed ? undefined : "Read-only: switch on “Allow changes” at the top first"}>
            {children}
        </button>
    );
}

let wasElsewhere = false;

export function Heading({children}: {children: ReactNode}) {
    const heading = useRef<HTMLHeadingElement>(null);
    // Who listens hears to which page they came. The first page begins at its top.
    useEffect(() => {
        if (wasElsewhere) heading.current?.focus();
        wasElsewhere = true;
    }, []);
    return <h1 ref={heading} tabIndex={-1}>{children}</h1>;
}

export function Metadata({value}: {value: unknown}) {
    if (value === null) return null;
    return <details><summary>Metadata</summary><pre tabIndex={0}>{JSON.stringify(value, null, 2)}</pre></details>;
}
