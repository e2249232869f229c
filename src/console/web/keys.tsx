import {useState} from "react";
import {NewKeyDialog, RevokeDialog, RotateDialog} from "./key_dialogs";
import {usePages} from "./load";
import {count} from "./money";
import {Badge, ChangeButton, Heading, Id, PagedTable, Time} from "./parts";
import {linkTo} from "./route";
import {showSecret} from "./secret";
import type {Key, MadeKey} from "./types";

function stateOf(key: Key): string {
    if (key.revoked_at) return "REVOKED";
    return key.expires_at && Date.parse(key.expires_at) <= Date.now() ? "EXPIRED" : "ACTIVE";
}

function limitsOf(key: Key): string[] {
    const limits = [];
    if (key.amount_cents_max !== null) limits.push(`at most ${count(key.amount_cents_max)} minor units`);
    if (!key.may_credit_external) limits.push("no money from outside");
    if (!key.may_overdraw) limits.push("no floor below 0");
    if (key.requests_per_second !== null) limits.push(`${count(key.requests_per_second)} requests/s`);
    if (key.transactions_per_second !== null) limits.push(`${count(key.transactions_per_second)} transactions/s`);
    if (key.networks.length > 0) limits.push(`from ${key.networks.join(", ")}`);
    return limits;
}

function Ends({of}: {of: Key}) {
    return (
        <>
            <Time at={of.revoked_at ?? of.expires_at}/>
            {of.previous_ends_at && <><br/>old secret: <Time at={of.previous_ends_at}/></>}
        </>
    );
}

type Asked = {key?: Key; what: "create" | "rotate" | "revoke"};

function Actions({of, ask}: {of: Key; ask(asked: Asked): void}) {
    return (
        <span className="row-actions">
            {stateOf(of) === "ACTIVE" &&
                <ChangeButton needs="admin" act={() => ask({key: of, what: "rotate"})}>Rotate …</ChangeButton>}
            {!of.revoked_at &&
                <ChangeButton needs="admin" act={() => ask({key: of, what: "revoke"})} danger>Revoke …</ChangeButton>}
        </span>
    );
}

export function KeysPage() {
    const pages = usePages<Key>("v1/keys", "keys", {});
    const [asked, ask] = useState<Asked>();
    const close = () => ask(undefined);
    const done = (made?: MadeKey) => {
        if (made) showSecret(made.name, made.key);
        close();
        pages.reload();
    };
    return (
        <>
            <Heading>Keys</Heading>
            <p className="muted">Who may call, and what. Keys of a file are not listed.</p>
            <div className="actions">
                <ChangeButton needs="admin" act={() => ask({what: "create"})}>New key …</ChangeButton>
            </div>
            <PagedTable caption="Keys" pages={pages} empty="There are no keys." id={(key) => key.id} columns={[
                {name: "Name", cell: (key) => key.name},
                {name: "Id", cell: (key) => <Id value={key.id}/>},
                {name: "Scopes", cell: (key) => key.scopes.join(", ")},
                {name: "Limits", cell: (key) => limitsOf(key).join("; ") || <span className="muted">none</span>},
                {name: "Last used", cell: (key) => <Time at={key.last_used_at}/>},
                {name: "Ends", cell: (key) => <Ends of={key}/>},
                {name: "State", cell: (key) => <Badge value={stateOf(key)}/>},
                {name: "Audit", cell: (key) => <a href={linkTo("audit", {key_id: key.id})}>what it did</a>},
                {name: "Actions", cell: (key) => <Actions of={key} ask={ask}/>},
            ]}/>
            {asked?.what === "create" && <NewKeyDialog close={close} done={done}/>}
            {asked?.what === "rotate" && <RotateDialog one={asked.key!} close={close} done={done}/>}
            {asked?.what === "revoke" && <RevokeDialog one={asked.key!} close={close} done={() => done()}/>}
        </>
    );
}
