// What one key asked for and another one must approve.
import {useState} from "react";
import {call, session} from "./api";
import {Ask} from "./ask";
import {Filters, Input} from "./filters";
import {useAction, usePages} from "./load";
import {Badge, ChangeButton, Choice, Failure, Heading, Id, PagedTable, Time} from "./parts";
import type {Scope} from "./places";
import {linkTo, useRoute} from "./route";
import type {Approval} from "./types";

const REASON_CHARS_MAX = 255;

// What each action is, and whose approval it takes.
const ACTIONS: Record<Approval["action"], {text: string; place: string; scope: Scope}> = {
    discard_dead_letter: {text: "Discard the dead letter", place: "dead-letters", scope: "dead-letters:decide"},
    suspend_account: {text: "Suspend the account", place: "accounts", scope: "accounts:write"},
    close_account: {text: "Close the account", place: "accounts", scope: "accounts:write"},
};

// The server's answer to a change that was not made, because another key must approve it.
export function isApproval(answer: unknown): answer is Approval {
    return typeof answer === "object" && answer !== null && "requested_by" in answer;
}

export function Asked({approval}: {approval?: Approval}) {
    if (!approval) return null;
    return (
        <p role="status">Nothing is changed yet: another key must approve it until <Time at={approval.expires_at}/>.{" "}
            <a href={linkTo("approvals")}>See the approvals</a></p>
    );
}

type Verdict = "approve" | "reject";

function VerdictDialog({of, verdict, close, done}: {of: Approval; verdict: Verdict; close(): void; done(): void}) {
    const [reason, setReason] = useState("");
    const {busy, error, run} = useAction(async () => {
        await call("POST", `v1/approvals/${of.id}/${verdict}`, {body: {...(reason.trim() && {reason: reason.trim()})}});
        done();
    });
    const approves = verdict === "approve";
    return (
        <Ask title={approves ? "Approve the request" : "Reject the request"} action={approves ? "Approve" : "Reject"}
             danger={approves} busy={busy} run={() => void run()} close={close}>
            <p><strong>{ACTIONS[of.action].text}</strong> <code>{of.subject}</code>.{" "}
                {approves ? "It is done at once, as of this session's key." : "Nothing is done."}</p>
            <Input label="Reason" value={reason} set={setReason} maxLength={REASON_CHARS_MAX}/>
            <Failure error={error}/>
        </Ask>
    );
}

// One's own request can only be taken back. What was approved and could not be done is done by who approved it.
function Actions({of, ask}: {of: Approval; ask(verdict: Verdict): void}) {
    const me = session.get()?.key_id, needs = ACTIONS[of.action].scope;
    const again = of.state === "APPROVED" && !of.executed_at && of.decided_by === me
        && Date.parse(of.expires_at) > Date.now();
    if (again) return <ChangeButton needs={needs} act={() => ask("approve")} danger>Do it again …</ChangeButton>;
    if (of.state !== "PENDING") return null;
    const own = of.requested_by === me;
    return (
        <span className="row-actions">
            {!own && <ChangeButton needs={needs} act={() => ask("approve")} danger>Approve …</ChangeButton>}
            <ChangeButton needs={needs} act={() => ask("reject")}>{own ? "Take back …" : "Reject …"}</ChangeButton>
        </span>
    );
}

export function ApprovalsPage() {
    const {query} = useRoute();
    const {state = ""} = query;
    const pages = usePages<Approval>("v1/approvals", "approvals", {state});
    const [asked, ask] = useState<{of: Approval; verdict: Verdict}>();
    const close = () => ask(undefined);
    return (
        <>
            <Heading>Approvals</Heading>
            <p className="muted">What one key asked for and another one must approve, where the server demands it.</p>
            <Filters key={state} place="approvals" query={query}>
                {(draft, set) => (
                    <Choice label="State" value={draft.state ?? ""} of={["PENDING"]} set={(value) => set("state", value)}/>
                )}
            </Filters>
            <PagedTable caption="Approvals" pages={pages} empty="Nothing waits for an approval." id={(one) => one.id}
                        columns={[
                {name: "Asked", cell: (one) => <Time at={one.created_at}/>},
                {name: "For", cell: (one) => ACTIONS[one.action].text},
                {name: "Subject", cell: (one) => <Id value={one.subject} to={ACTIONS[one.action].place}/>},
                {name: "By key", cell: (one) => <Id value={one.requested_by}/>},
                {name: "Operator", cell: (one) => one.requested_operator ?? <span className="muted">–</span>},
                {name: "Until", cell: (one) => <Time at={one.expires_at}/>},
                {name: "State", cell: (one) => <Badge value={one.state}/>},
                {name: "Decided by", cell: (one) => <Id value={one.decided_by}/>},
                {name: "Done", cell: (one) => <Time at={one.executed_at}/>},
                {name: "Actions", cell: (one) => <Actions of={one} ask={(verdict) => ask({of: one, verdict})}/>},
            ]}/>
            {asked && <VerdictDialog {...asked} close={close} done={() => { close(); pages.reload(); }}/>}
        </>
    );
}
