import {useState} from "react";
import {call} from "./api";
import {useAction, useLoad, usePages} from "./load";
import {count} from "./money";
import {Badge, ChangeButton, Choice, Facts, Failure, Heading, Id, PagedTable, Time} from "./parts";
import {go, linkTo, useRoute} from "./route";
import {showSecret} from "./secret";
import type {Delivery, Webhook} from "./types";
import {DeleteDialog, RotateDialog, StatusDialog} from "./webhook_dialogs";
import {ofAll} from "./webhooks";

const REASONS: Record<string, string> = {
    by_operator: "an operator disabled it", gone: "the address answered 410", failing: "the last try failed as well",
};

// What the latest try came to: a status, or why there was none.
function lastOf({tries}: Delivery) {
    const last = tries[tries.length - 1];
    if (!last) return <span className="muted">not tried yet</span>;
    return <>{last.status ?? last.error}{last.duration_ms !== undefined && `, ${count(last.duration_ms)} ms`}</>;
}

function Deliveries({path, status, pages}: {
    path: string;
    status: string;
    pages: ReturnType<typeof usePages<Delivery>>;
}) {
    const {busy, error, run} = useAction(async (id: string) => {
        await call("POST", `${path}/deliveries/${id}/resend`);
        pages.reload();
    });
    return (
        <section aria-label="Deliveries">
            <h2>Deliveries</h2>
            <form className="filters" onSubmit={(event) => event.preventDefault()}>
                <Choice label="Status" value={status} of={["PENDING", "DELIVERED", "FAILED"]}
                        set={(value) => go(linkTo(location.hash.replace(/^#\/?|\?.*$/g, ""), {status: value}))}/>
            </form>
            <Failure error={error}/>
            <PagedTable caption="Deliveries" pages={pages} empty="Nothing was sent." id={(one) => one.id} columns={[
                {name: "Event", cell: (one) => <><code>{one.event_type}</code> <Id value={one.event_id}/></>},
                {name: "Account", cell: (one) => <Id value={one.account_id} to="accounts"/>},
                {name: "Created", cell: (one) => <Time at={one.created_at}/>},
                {name: "Tries", number: true, cell: (one) => one.attempts},
                {name: "Last answer", cell: lastOf},
                {name: "Next try", cell: (one) => <Time at={one.next_attempt_at}/>},
                {name: "Status", cell: (one) => <Badge value={one.status}/>},
                {name: "Actions", cell: (one) => one.status !== "PENDING" && (
                    <ChangeButton needs="webhooks:write" act={() => { if (!busy) void run(one.id); }}>
                        Send again
                    </ChangeButton>
                )},
            ]}/>
        </section>
    );
}

type Asked = "status" | "rotate" | "delete";

function Actions({of, pinged, ask}: {of: Webhook; pinged(): void; ask(what: Asked): void}) {
    const enabled = of.status === "ENABLED";
    const ping = useAction(async () => {
        await call("POST", `v1/webhooks/${of.id}/ping`);
        pinged();
    });
    return (
        <>
            <div className="actions">
                {enabled && <ChangeButton needs="webhooks:write" act={() => void ping.run()}>Send a ping</ChangeButton>}
                <ChangeButton needs="webhooks:write" act={() => ask("rotate")}>Rotate …</ChangeButton>
                <ChangeButton needs="webhooks:write" act={() => ask("status")} danger={enabled}>
                    {enabled ? "Disable …" : "Enable …"}
                </ChangeButton>
                <ChangeButton needs="webhooks:write" act={() => ask("delete")} danger>Delete …</ChangeButton>
            </div>
            <Failure error={ping.error}/>
        </>
    );
}

export function WebhookPage({id}: {id: string}) {
    const path = `v1/webhooks/${encodeURIComponent(id)}`;
    const {query: {status = ""}} = useRoute();
    const {data: webhook, error, reload} = useLoad<Webhook>(path);
    const deliveries = usePages<Delivery>(`${path}/deliveries`, "deliveries", {status});
    const [asked, ask] = useState<Asked>();
    if (!webhook) return <><Heading>Webhook</Heading><Failure error={error}/></>;
    const close = () => ask(undefined);
    const done = () => {
        close();
        reload();
    };
    return (
        <>
            <Heading>{webhook.url} <Badge value={webhook.status}/></Heading>
            <Failure error={error}/>
            {webhook.reason && <p className="failure">Disabled: {REASONS[webhook.reason] ?? webhook.reason}.</p>}
            <Facts facts={[
                ["Events", ofAll(webhook.events, "all")],
                ["Accounts", ofAll(webhook.account_ids, "all")],
                ["Waiting", count(webhook.pending)], ["Description", webhook.description ?? "–"],
                ["Created", <Time at={webhook.created_at}/>], ["Changed", <Time at={webhook.changed_at}/>],
                ["Old secret until", <Time at={webhook.previous_secret_ends_at}/>], ["Id", <code>{webhook.id}</code>],
            ]}/>
            <Actions of={webhook} pinged={deliveries.reload} ask={ask}/>
            <Deliveries path={path} status={status} pages={deliveries}/>
            {asked === "status" && <StatusDialog one={webhook} close={close} done={done}/>}
            {asked === "delete" && <DeleteDialog one={webhook} close={close} done={() => go(linkTo("webhooks"))}/>}
            {asked === "rotate" && <RotateDialog one={webhook} close={close} done={(made) => {
                showSecret(made.url, made.secret);
                done();
            }}/>}
        </>
    );
}
