// Replaying or discarding all parked dead letters that a filter selects.
//
// Letters are decided one by one, oldest first, because a replayed transaction gets its new place when it is replayed.
// Only letters that had failed when the look was taken are decided: one that fails again meanwhile is not decided
// twice. So it can be stopped at any point and done again for the rest.
import {call, newKey, Refusal} from "./api";
import {isApproval} from "./approvals";
import type {DeadLetter, LetterSummary} from "./types";

export type Choice = "replay" | "discard";
export const LETTERS_MAX = 1000;
const PAGE_LETTERS = 100;
const SAMPLE_LETTERS = 5;
const TRIES_MAX = 5;
const PAUSE_MS = 500;

// A look at what a filter selects at this moment, which changes nothing.
export interface Look {
    choice: Choice;
    summary: LetterSummary;
    sample: DeadLetter[];
    foreign: number;  // left out of a replay: they can only be discarded
    total: number;    // how many would be decided
    filters: Record<string, string>;
}

export interface Progress {
    seen: number;
    decided: number;
    asked: number;  // another key must approve them
    refused: {id: string; why: string}[];
}

type Page = {dead_letters: DeadLetter[]; next_cursor: string | null};

type Filters = Record<string, string>;

function pageOf(filters: Filters, limit: number, cursor: string | null, signal?: AbortSignal): Promise<Page> {
    const query = new URLSearchParams({...filters, state: "PARKED", order: "oldest", limit: String(limit)});
    if (cursor) query.set("cursor", cursor);
    return call<Page>("GET", `v1/dead-letters?${query}`, {signal});
}

// Just after that moment, in microseconds: Date keeps milliseconds only.
function justAfter(time: string): string {
    const match = /^(.*\.)(\d{6})Z$/.exec(time);
    if (!match || match[2] === "999999") return new Date(Date.parse(time) + 1).toISOString();
    return `${match[1]}${String(Number(match[2]) + 1).padStart(6, "0")}Z`;
}

export async function look(choice: Choice, filters: Filters, most: number, signal?: AbortSignal): Promise<Look> {
    const query = new URLSearchParams({...filters, state: "PARKED"});
    const summary = await call<LetterSummary>("GET", `v1/dead-letters/summary?${query}`, {signal});
    const foreigners = choice === "replay" ? summary.groups.filter((group) => group.error_class === "foreign") : [];
    const foreign = foreigners.reduce((sum, group) => sum + group.count, 0);
    const bounded = {...filters};
    if (summary.newest_failed_at) bounded.failed_before = justAfter(summary.newest_failed_at);
    const sample = summary.count > 0 ? (await pageOf(bounded, SAMPLE_LETTERS, null, signal)).dead_letters : [];
    return {choice, summary, sample, foreign, total: Math.min(summary.count - foreign, most), filters: bounded};
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

// why: the server refused.
type Outcome = {why: string} | {asked: boolean};

// Repeats what failed because nobody could answer: a decision that was made already is answered the same.
async function decide(id: string, choice: Choice, body: object, stopped: () => boolean): Promise<Outcome> {
    for (let tries = 1; ; ++tries) {
        try {
            const answer = await call("POST", `v1/dead-letters/${id}/${choice}`, {body});
            return {asked: isApproval(answer)};
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            if (error.status === 409 || error.status === 404) return {why: error.message};
            if (!error.passes || tries === TRIES_MAX || stopped()) throw error;
            await pause(PAUSE_MS * 2 ** tries);
        }
    }
}

// A letter that the server refuses is noted and skipped; any other error ends it.
export async function decideAll(plan: Look, audit: {by: string; reason: string}, stopped: () => boolean,
                                told: (progress: Progress) => void): Promise<void> {
    const bulk_id = newKey();
    const body = {bulk_id, ...(audit.by && {by: audit.by}), ...(audit.reason && {reason: audit.reason})};
    const progress: Progress = {seen: 0, decided: 0, asked: 0, refused: []};
    let cursor: string | null = null;
    do {
        const page: Page = await pageOf(plan.filters, PAGE_LETTERS, cursor);
        for (const letter of page.dead_letters) {
            if (plan.choice === "replay" && letter.error_class === "foreign") continue;
            if (progress.seen >= plan.total || stopped()) return;
            const outcome = await decide(letter.id, plan.choice, body, stopped);
            ++progress.seen;
            if ("why" in outcome) progress.refused.push({id: letter.id, why: outcome.why});
            else if (outcome.asked) ++progress.asked;
            else ++progress.decided;
            told({...progress, refused: [...progress.refused]});
        }
        cursor = page.next_cursor;
    } while (cursor);
}
