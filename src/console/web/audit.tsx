import {Filters, Input} from "./filters";
import {usePages} from "./load";
import {Heading, Id, PagedTable, Time} from "./parts";
import {isUuid, linkTo, useRoute} from "./route";
import type {AuditEntry} from "./types";

// What an action is about, as far as there is a page for it.
const PLACE_OF: [RegExp, string][] = [[/^account_/, "accounts"], [/^dead_letter_/, "dead-letters"],
    [/^webhook_/, "webhooks"]];

function Subject({of}: {of: AuditEntry}) {
    const place = PLACE_OF.find(([action]) => action.test(of.action))?.[1];
    const all = <a href={linkTo("audit", {subject: of.subject})} aria-label={`All about ${of.subject}`}>all</a>;
    if (isUuid(of.subject)) return <><Id value={of.subject} to={place}/> {all}</>;
    return <><span className="clip" title={of.subject}>{of.subject}</span> {all}</>;
}

const shown = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value ?? null));

// The members that differ. Of something new, those that it has.
function changesOf({before, after}: AuditEntry): {name: string; before?: unknown; after: unknown}[] {
    const names = Object.keys({...before, ...after});
    return names.map((name) => ({name, before: before?.[name], after: after?.[name]}))
        .filter((one) => shown(one.before) !== shown(one.after));
}

function Changes({of}: {of: AuditEntry}) {
    const changes = changesOf(of);
    if (changes.length === 0) return <span className="muted">–</span>;
    return (
        <details className="changes">
            <summary>{changes.map((one) => one.name).join(", ")}</summary>
            <ul>
                {changes.map((one) => (
                    <li key={one.name}>
                        <code>{one.name}</code>: {of.before && <><del>{shown(one.before)}</del> → </>}
                        <strong>{shown(one.after)}</strong>
                    </li>
                ))}
            </ul>
        </details>
    );
}

export function AuditPage() {
    const {query} = useRoute();
    const {subject = "", key_id = ""} = query;
    const pages = usePages<AuditEntry>("v1/audit", "audit", {subject, key_id});
    return (
        <>
            <Heading>Audit</Heading>
            <p className="muted">Every change of an account, a dead letter or a key, what was asked for and
                approved, and every refused log-in. By subject
                or by key, not both.</p>
            <Filters key={subject + key_id} place="audit" query={query}>
                {(draft, set) => <>
                    <Input label="Subject" value={draft.subject ?? ""} set={(value) => set("subject", value)}
                           title="The id of an account, a dead letter or a key" maxLength={300}/>
                    <Input label="Key id" value={draft.key_id ?? ""} set={(value) => set("key_id", value)}
                           title="The id of the key that was used" maxLength={300}/>
                </>}
            </Filters>
            <PagedTable caption="The audit" pages={pages} empty="Nothing was changed yet." id={(one) => one.id} columns={[
                {name: "When", cell: (one) => <Time at={one.at}/>},
                {name: "Action", cell: (one) => <code className="whole">{one.action}</code>},
                {name: "Subject", cell: (one) => <Subject of={one}/>},
                {name: "Key", cell: (one) => <Id value={one.key_id}/>},
                {name: "Operator", cell: (one) => one.operator ?? <span className="muted">–</span>},
                {name: "From", cell: (one) => <span className="clip" title={one.peer}>{one.peer}</span>},
                {name: "Reason", cell: (one) => one.reason ?? <span className="muted">–</span>},
                {name: "Changes", cell: (one) => <Changes of={one}/>},
            ]}/>
        </>
    );
}
