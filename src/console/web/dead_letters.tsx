import {useState} from "react";
import {Choice as Decision} from "./bulk";
import {BulkDialog} from "./bulk_dialog";
import {Filters, IdInput, Input} from "./filters";
import {usePages} from "./load";
import {Badge, ChangeButton, Choice, Heading, Id, PagedTable, Time} from "./parts";
import {useMay} from "./places";
import {linkTo, useRoute} from "./route";
import type {DeadLetter} from "./types";

const STATES = ["PARKED", "REPLAYED", "DISCARDED"];
const CLASSES = ["permanent", "unknown", "foreign"];
const TIME_HINT = "A UTC time such as 2026-11-27T09:00:00Z";
const NAMES = ["error_class", "error_code", "account_id", "lane", "failed_after", "failed_before"];

function LetterFilters({query}: {query: Record<string, string>}) {
    return (
        <Filters key={JSON.stringify(query)} place="dead-letters" query={query}>
            {(draft, set) => {
                const field = (name: string) => ({value: draft[name] ?? "", set: (value: string) => set(name, value)});
                return (
                    <>
                        <Choice label="State" of={STATES} {...field("state")}/>
                        <Choice label="Class" of={CLASSES} {...field("error_class")}/>
                        <Input label="Code" maxLength={100} {...field("error_code")}/>
                        <IdInput label="Account id" {...field("account_id")}/>
                        <Input label="Lane" type="number" min={0} {...field("lane")}/>
                        <Input label="Failed after" title={TIME_HINT} {...field("failed_after")}/>
                        <Input label="Failed before" title={TIME_HINT} {...field("failed_before")}/>
                    </>
                );
            }}
        </Filters>
    );
}

export function DeadLettersPage() {
    const {query} = useRoute();
    const {state = ""} = query;
    const filters = Object.fromEntries(NAMES.filter((name) => query[name]).map((name) => [name, query[name]]));
    const pages = usePages<DeadLetter>("v1/dead-letters", "dead_letters", {state, ...filters});
    const [choice, setChoice] = useState<Decision>();
    const may = useMay();
    const close = () => {
        setChoice(undefined);
        pages.reload();
    };
    return (
        <>
            <Heading>Dead letters</Heading>
            <LetterFilters query={query}/>
            {may("dead-letters:decide") && <div className="actions">
                <ChangeButton needs="dead-letters:decide" act={() => setChoice("replay")}>
                    Replay all that match …
                </ChangeButton>
                <ChangeButton needs="dead-letters:decide" act={() => setChoice("discard")} danger>
                    Discard all that match …
                </ChangeButton>
                <span className="muted">Of those in state PARKED; what would happen is shown first.</span>
            </div>}
            <PagedTable caption="Dead letters" pages={pages} empty="No dead letter matches."
                        id={(one) => one.id} columns={[
                {name: "Letter", cell: (one) => <Id value={one.id} to="dead-letters"/>},
                {name: "Last failure", cell: (one) => <Time at={one.last_failed_at}/>},
                {name: "Class", cell: (one) => one.error_class},
                {name: "Code", cell: ({error_code}) => (
                    <a href={linkTo("dead-letters", {...query, error_code})}><code>{error_code}</code></a>
                )},
                {name: "Attempts", number: true, cell: (one) => one.attempts},
                {name: "Lane", number: true, cell: (one) => one.lane ?? "–"},
                {name: "Transaction", cell: (one) => <Id value={one.transaction_id} to="transactions"/>},
                {name: "State", cell: (one) => <Badge value={one.state}/>},
            ]}/>
            {choice && <BulkDialog choice={choice} filters={filters} close={close}/>}
        </>
    );
}
