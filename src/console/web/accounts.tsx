import {FormEvent, useState} from "react";
import {usePages} from "./load";
import {Badge, Choice, Field, Heading, Id, PagedTable, Time} from "./parts";
import {go, isUuid, linkTo, useRoute} from "./route";
import type {Account} from "./types";

function Search({reference, status}: {reference: string; status: string}) {
    const [text, setText] = useState(reference);
    const find = (event: FormEvent) => {
        event.preventDefault();
        const wanted = text.trim();
        if (isUuid(wanted)) go(linkTo(`accounts/${wanted.toLowerCase()}`));
        else go(linkTo("accounts", {reference: wanted, status}));
    };
    return (
        <form className="filters" role="search" onSubmit={find}>
            <Field label="Reference or id">
                {(id) => <input id={id} type="search" value={text} maxLength={255}
                                onChange={(event) => setText(event.target.value)}/>}
            </Field>
            <Choice label="Status" value={status} of={["ACTIVE", "SUSPENDED"]}
                    set={(value) => go(linkTo("accounts", {reference: text.trim(), status: value}))}/>
            <button className="main">Search</button>
        </form>
    );
}

export function AccountsPage() {
    const {query: {reference = "", status = ""}} = useRoute();
    const pages = usePages<Account>("v1/accounts", "accounts", {reference, status});
    return (
        <>
            <Heading>Accounts</Heading>
            <Search key={reference} reference={reference} status={status}/>
            <PagedTable caption="Accounts" pages={pages} empty="No account matches." id={(one) => one.id} columns={[
                {name: "Reference", cell: (one) => (
                    <a href={linkTo(`accounts/${one.id}`)}>{one.reference ?? "no reference"}</a>
                )},
                {name: "Id", cell: ({id}) => <Id value={id}/>},
                {name: "Balance", amount: (one) => [one.balance_cents, one.currency]},
                {name: "Held", amount: (one) => [one.held_cents, one.currency]},
                {name: "Available", amount: (one) => [one.available_cents, one.currency]},
                {name: "Status", cell: (one) => <Badge value={one.status}/>},
                {name: "Created", cell: (one) => <Time at={one.created_at}/>},
            ]}/>
        </>
    );
}
