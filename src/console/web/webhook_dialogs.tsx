import {useState} from "react";
import {call} from "./api";
import {Ask, Tick} from "./ask";
import {Input} from "./filters";
import {useAction} from "./load";
import {Failure} from "./parts";
import type {MadeWebhook, Webhook} from "./types";

const TYPES = ["transaction.processed", "transaction.failed", "transaction.parked", "transaction.discarded",
    "hold.expired", "account.updated", "webhook.disabled"];
const OVERLAP_HOURS = 24;

const listOf = (text: string) => text.split(",").map((one) => one.trim()).filter(Boolean);

export function NewWebhookDialog({close, done}: {close(): void; done(made: MadeWebhook): void}) {
    const [url, setUrl] = useState("");
    const [accounts, setAccounts] = useState("");
    const [description, setDescription] = useState("");
    const [events, setEvents] = useState<string[]>([]);
    const {busy, error, run} = useAction(async () => {
        const body = {url: url.trim(), events, account_ids: listOf(accounts), description: description.trim() || null};
        done(await call<MadeWebhook>("POST", "v1/webhooks", {body}));
    });
    const turn = (type: string, on: boolean) =>
        setEvents(TYPES.filter((one) => (one === type ? on : events.includes(one))));
    return (
        <Ask title="New webhook" action="Create" busy={busy} run={() => void run()} close={close}>
            <Input label="Address" type="url" required value={url} set={setUrl} hint="https, and not a private address."/>
            <fieldset>
                <legend>Events; none means all</legend>
                {TYPES.map((type) => (
                    <Tick key={type} label={<code>{type}</code>} on={events.includes(type)} set={(on) => turn(type, on)}/>
                ))}
            </fieldset>
            <Input label="Account ids" value={accounts} set={setAccounts} hint="With commas between them; none means all."/>
            <Input label="Description" value={description} set={setDescription}/>
            <Failure error={error}/>
        </Ask>
    );
}

export function StatusDialog({one, close, done}: {one: Webhook; close(): void; done(): void}) {
    const disables = one.status === "ENABLED";
    const {busy, error, run} = useAction(async () => {
        await call("PATCH", `v1/webhooks/${one.id}`, {body: {status: disables ? "DISABLED" : "ENABLED"}});
        done();
    });
    return (
        <Ask title={disables ? "Disable the webhook" : "Enable the webhook"} action={disables ? "Disable" : "Enable"}
             danger={disables} busy={busy} run={() => void run()} close={close}>
            <p>{disables ? "Nothing more is sent. Enabled again, it goes on where it ended."
                : "It goes on where it ended: what happened since is sent, in order."}</p>
            <Failure error={error}/>
        </Ask>
    );
}

export function DeleteDialog({one, close, done}: {one: Webhook; close(): void; done(): void}) {
    const {busy, error, run} = useAction(async () => {
        await call("DELETE", `v1/webhooks/${one.id}`);
        done();
    });
    return (
        <Ask title="Delete the webhook" action="Delete" danger busy={busy} run={() => void run()} close={close}>
            <p><strong>{one.url}</strong> is told of nothing more, and its deliveries are forgotten. This cannot be
                undone.</p>
            <Failure error={error}/>
        </Ask>
    );
}

export function RotateDialog({one, close, done}: {one: Webhook; close(): void; done(made: MadeWebhook): void}) {
    const [hours, setHours] = useState(String(OVERLAP_HOURS));
    const {busy, error, run} = useAction(async () => {
        const body = {overlap_s: Math.round(Number(hours) * 3600)};
        done(await call<MadeWebhook>("POST", `v1/webhooks/${one.id}/rotate`, {body}));
    });
    return (
        <Ask title="Rotate the secret" action="Rotate" busy={busy} run={() => void run()} close={close}>
            <p>A new secret is shown once. Both sign each message for a while.</p>
            <Input label="Hours for the old secret" type="number" required min={0} value={hours} set={setHours}/>
            <Failure error={error}/>
        </Ask>
    );
}
