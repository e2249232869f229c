import {useLoad} from "./load";
import {count} from "./money";
import {Failure, Heading, Table} from "./parts";
import type {Lane} from "./types";

const LOOK_AGAIN_MS = 2_000;

export const waiting = (lane: Lane) => lane.last_seq - lane.applied_seq;

export function age(milliseconds: number | null): string {
    if (milliseconds === null) return "–";
    return milliseconds < 10_000 ? `${count(milliseconds)} ms` : `${count(Math.round(milliseconds / 1000))} s`;
}

function state(lane: Lane) {
    if (lane.halts.length > 0)
        return (
            <span className="bad-text">
                halted: {lane.halts.map((halt) => `${halt.stage} at ${halt.seq}: ${halt.reason}`).join("; ")}
            </span>
        );
    const wait = lane.waits_for;
    if (wait)
        return (
            <span className={wait.halt ? "bad-text" : "warn-text"} title={`event ${wait.event_id}`}>
                waits for lane {wait.lane} at {wait.seq}{wait.halt && `, halted: ${wait.halt}`}
            </span>
        );
    if (lane.last_error) return <span className="warn-text">{lane.last_error}</span>;
    return waiting(lane) > 0 ? "working" : <span className="muted">quiet</span>;
}

export function LanesPage() {
    const {data, error} = useLoad<{lanes: Lane[]}>("v1/lanes", LOOK_AGAIN_MS);
    return (
        <>
            <Heading>Lanes</Heading>
            <p className="muted">Every account belongs to one lane. What is accepted has a place in it, is published and
                then applied, in order.</p>
            <Failure error={error}/>
            <Table caption="Lanes" empty="There are no lanes." rows={data?.lanes} id={(lane) => lane.lane} columns={[
                {name: "Lane", number: true, cell: (lane) => lane.lane},
                {name: "Accepted", number: true, cell: (lane) => count(lane.last_seq)},
                {name: "Published", number: true, cell: (lane) => count(lane.published_seq)},
                {name: "Applied", number: true, cell: (lane) => count(lane.applied_seq)},
                {name: "Waiting", number: true, cell: (lane) => count(waiting(lane))},
                {name: "Oldest", number: true, cell: (lane) => age(lane.oldest_waiting_age_ms)},
                {name: "Publisher", cell: ({owner}) => owner && <span className="clip" title={owner}>{owner}</span>},
                {name: "State", cell: state},
            ]}/>
        </>
    );
}
