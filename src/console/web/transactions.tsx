import {FormEvent, useState} from "react";
import {Filters, IdInput} from "./filters";
import {usePages} from "./load";
import {Badge, Choice, Heading, Id, PagedTable, PlaceLink, Time} from "./parts";
import {go, linkTo, useRoute} from "./route";
import type {Transaction} from "./types";

const STATUSES = ["PENDING", "PROCESSING", "PROCESSED", "FAILED"];

function OpenById() {
    const [id, setId] = useState("");
    const open = (event: FormEvent) => {
        event.preventDefault();
        if (id.trim()) go(linkTo(`transactions/${id.trim().toLowerCase()}`));
    };
    return (
        <form className="filters" role="search" onSubmit={open}>
            <IdInput label="Transaction id" value={id} set={setId}/>
            <button>Open</button>
        </form>
    );
}

export function why({failure_code, dead_letter_id}: Transaction) {
    if (dead_letter_id) return <PlaceLink to={`dead-letters/${dead_letter_id}`}>dead letter</PlaceLink>;
    return failure_code ? <code>{failure_code}</code> : <span className="muted">–</span>;
}

export function TransactionsPage() {
    const {query} = useRoute();
    const {account_id = "", status = ""} = query;
    const pages = usePages<Transaction>("v1/transactions", "transactions", {account_id, status});
    return (
        <>
            <Heading>Transactions</Heading>
            <Filters key={account_id + status} place="transactions" query={query}>
                {(draft, set) => <>
                    <IdInput label="Account id" value={draft.account_id ?? ""}
                             set={(value) => set("account_id", value)}/>
                    <Choice label="Status" value={draft.status ?? ""} of={STATUSES}
                            set={(value) => set("status", value)}/>
                </>}
            </Filters>
            <OpenById/>
            <PagedTable caption="Transactions" pages={pages} empty="No transaction matches."
                        id={(one) => one.id} columns={[
                {name: "Id", cell: (one) => <Id value={one.id} to="transactions"/>},
                {name: "Created", cell: (one) => <Time at={one.created_at}/>},
                {name: "Type", cell: (one) => one.type},
                {name: "Amount", amount: (one) => [one.amount_cents, one.currency]},
                {name: "Account", cell: (one) => <Id value={one.account_id} to="accounts"/>},
                {name: "Reference", cell: (one) => one.reference ?? <span className="muted">–</span>},
                {name: "Status", cell: (one) => <Badge value={one.status}/>},
                {name: "Reason", cell: why},
            ]}/>
        </>
    );
}
