import {useState} from "react";
import {call} from "./api";
import {Asked, isApproval} from "./approvals";
import {useAction, useLoad, usePages} from "./load";
import {Amount, Badge, ChangeButton, Dialog, Facts, Failure, Heading, Id, Metadata, PagedTable, Time} from "./parts";
import {useMay} from "./places";
import {linkTo} from "./route";
import type {Account, Approval, Cents, Entry} from "./types";

function StatusDialog({account, close, done}: {
    account: Account;
    close(): void;
    done(asked?: Approval): void;
}) {
    const suspends = account.status === "ACTIVE";
    const {busy, error, run} = useAction(async () => {
        const body = {status: suspends ? "SUSPENDED" : "ACTIVE"};
        const answer = await call<Account | Approval>("PATCH", `v1/accounts/${account.id}`, {body});
        done(isApproval(answer) ? answer : undefined);
    });
    const name = account.reference ?? account.id;
    return (
        <Dialog title={suspends ? "Suspend the account" : "Activate the account"} close={close}>
            <p>{suspends
                ? <>Nothing more is posted to <strong>{name}</strong>: new transactions are refused, and those that are
                    accepted but not applied yet end as FAILED.</>
                : <>New transactions of <strong>{name}</strong> are taken again.</>}</p>
            <Failure error={error}/>
            <div className="actions">
                <button type="button" onClick={close}>Cancel</button>
                <button type="button" className={suspends ? "danger" : "main"} disabled={busy} onClick={() => run()}>
                    {suspends ? "Suspend" : "Activate"}
                </button>
            </div>
        </Dialog>
    );
}

function Statement({currency, entries}: {currency: string; entries: ReturnType<typeof usePages<Entry>>}) {
    return (
        <section aria-label="Statement">
            <h2>Statement</h2>
            <PagedTable caption="the statement" pages={entries} empty="Nothing was posted yet."
                        id={(entry) => entry.seq} columns={[
                {name: "Posted", cell: (entry) => <Time at={entry.processed_at}/>},
                {name: "Type", cell: (entry) => entry.type},
                {name: "Transaction", cell: (entry) => <Id value={entry.transaction_id} to="transactions"/>},
                {name: "Amount", number: true, cell: (entry) => (
                    <Amount cents={entry.net_cents} currency={currency} signed/>
                )},
                {name: "Balance", amount: (entry) => [entry.balance_after_cents, currency]},
            ]}/>
        </section>
    );
}

export function AccountPage({id}: {id: string}) {
    const path = `v1/accounts/${encodeURIComponent(id)}`;
    const {data: account, error, reload} = useLoad<Account>(path);
    const entries = usePages<Entry>(`${path}/entries`, "entries", {});
    const [asks, setAsks] = useState(false);
    const [asked, setAsked] = useState<Approval>();
    const may = useMay();
    if (!account) return <><Heading>Account</Heading><Failure error={error}/></>;
    const close = () => setAsks(false);
    const amount = (cents: Cents) => <Amount cents={cents} currency={account.currency}/>;
    return (
        <>
            <Heading>{account.reference ?? "Account"} <Badge value={account.status}/></Heading>
            <Failure error={error}/>
            <Asked approval={asked}/>
            <Facts facts={[
                ["Balance", amount(account.balance_cents)], ["Held", amount(account.held_cents)],
                ["Available", amount(account.available_cents)], ["Floor", amount(account.min_balance_cents)],
                ["Id", <code>{account.id}</code>], ["Created", <Time at={account.created_at}/>],
            ]}/>
            <Metadata value={account.metadata}/>
            <div className="actions">
                {may("transactions:read") && <>
                    <a className="button" href={linkTo("transactions", {account_id: account.id})}>Its transactions</a>
                    <a className="button" href={linkTo("holds", {account_id: account.id})}>Its holds</a>
                </>}
                <ChangeButton needs="accounts:write" act={() => setAsks(true)} danger={account.status === "ACTIVE"}>
                    {account.status === "ACTIVE" ? "Suspend …" : "Activate …"}
                </ChangeButton>
            </div>
            <Statement currency={account.currency} entries={entries}/>
            {asks && <StatusDialog account={account} close={close}
                                   done={(approval) => { setAsked(approval); close(); reload(); }}/>}
        </>
    );
}
