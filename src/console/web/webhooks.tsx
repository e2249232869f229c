import {useState} from "react";
import {usePages} from "./load";
import {Badge, ChangeButton, Heading, Id, PagedTable, Time} from "./parts";
import {linkTo} from "./route";
import {NewWebhookDialog} from "./webhook_dialogs";
import {showSecret} from "./secret";
import {count} from "./money";
import type {Webhook} from "./types";

export const ofAll = (names: string[], all: string) => names.join(", ") || <span className="muted">{all}</span>;

export function WebhooksPage() {
    const pages = usePages<Webhook>("v1/webhooks", "webhooks", {});
    const [asks, setAsks] = useState(false);
    return (
        <>
            <Heading>Webhooks</Heading>
            <p className="muted">Who is told of outcomes by a signed POST.</p>
            <div className="actions">
                <ChangeButton needs="webhooks:write" act={() => setAsks(true)}>New webhook …</ChangeButton>
            </div>
            <PagedTable caption="Webhooks" pages={pages} empty="There are no webhooks." id={(one) => one.id} columns={[
                {name: "Address", cell: (one) => <a href={linkTo(`webhooks/${one.id}`)}>{one.url}</a>},
                {name: "Id", cell: (one) => <Id value={one.id}/>},
                {name: "Events", cell: (one) => ofAll(one.events, "all")},
                {name: "Accounts", cell: (one) => one.account_ids.length || <span className="muted">all</span>},
                {name: "Waiting", number: true, cell: (one) => count(one.pending)},
                {name: "Changed", cell: (one) => <Time at={one.changed_at}/>},
                {name: "Status", cell: (one) => <Badge value={one.status}/>},
            ]}/>
            {asks && <NewWebhookDialog close={() => setAsks(false)} done={(made) => {
                showSecret(made.url, made.secret);
                setAsks(false);
                pages.reload();
            }}/>}
        </>
    );
}
