// Hooks that load what a page shows.
import {useCallback, useEffect, useRef, useState} from "react";
import {call, epoch, Refusal, trouble} from "./api";
import {useStore} from "./store";

export interface Loaded<T> {
    data?: T;
    error?: Refusal;
    reload(): void;
}

// Loads the path, and again when it changes, when the server is back, and every so many milliseconds while the page is
// looked at. What was loaded stays while it is loaded again. No path: nothing to load.
export function useLoad<T>(path: string | null, everyMs = 0): Loaded<T> {
    const [state, setState] = useState<{path: string | null; data?: T; error?: Refusal}>({path});
    const [round, setRound] = useState(0);
    const loads = useStore(epoch);
    useEffect(() => {
        if (path === null) return undefined;
        const aborted = new AbortController();
        let timer = 0;
        let forbidden = false;  // asking again would only fill the audit
        const load = async () => {
            try {
                const data = await call<T>("GET", path, {signal: aborted.signal});
                setState({path, data});
            } catch (error) {
                if (aborted.signal.aborted) return;
                if (!(error instanceof Refusal)) throw error;
                const refusal = error;
                forbidden = refusal.code === "insufficient_scope";
                // When the server is away, the page says so once, and what was seen stays.
                setState((old) => (refusal.passes && old.path === path && old.data ? old : {path, error: refusal}));
            }
            if (everyMs > 0 && !forbidden) timer = window.setTimeout(again, everyMs);
        };
        const again = () => {
            if (document.hidden || trouble.get()) timer = window.setTimeout(again, everyMs);
            else void load();
        };
        void load();
        return () => {
            aborted.abort();
            clearTimeout(timer);
        };
    }, [path, everyMs, round, loads]);
    const reload = useCallback(() => setRound((now) => now + 1), []);
    return state.path === path ? {...state, reload} : {reload};
}

export interface Pages<T> extends Loaded<T[]> {
    number: number;
    next?: () => void;
    previous?: () => void;
}

type Page = {next_cursor: string | null} & Record<string, unknown>;
export const PAGE_ROWS = 50;

// A list, page by page. The server gives a cursor for the page that follows; those of the pages before are kept.
export function usePages<T>(path: string, member: string, filters: Record<string, string>): Pages<T> {
    const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value !== "")).toString();
    const list = `${path}?limit=${PAGE_ROWS}${query && "&"}${query}`;
    const [cursors, setCursors] = useState<{list: string; past: string[]}>({list, past: []});
    const past = cursors.list === list ? cursors.past : [];
    const cursor = past[past.length - 1];
    const page = useLoad<Page>(cursor ? `${list}&cursor=${encodeURIComponent(cursor)}` : list);
    const next = page.data?.next_cursor;
    return {
        data: page.data?.[member] as T[] | undefined,
        error: page.error,
        reload: page.reload,
        number: past.length + 1,
        next: next ? () => setCursors({list, past: [...past, next]}) : undefined,
        previous: past.length > 0 ? () => setCursors({list, past: past.slice(0, -1)}) : undefined,
    };
}

// An action with what became of it. Runs once at a time.
export function useAction<A extends unknown[]>(act: (...args: A) => Promise<void>) {
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<Refusal>();
    const running = useRef(false);
    const run = async (...args: A) => {
        if (running.current) return;
        running.current = true;
        setBusy(true);
        setError(undefined);
        try {
            await act(...args);
        } catch (failed) {
            if (!(failed instanceof Refusal)) throw failed;
            setError(failed);
        } finally {
            running.current = false;
            setBusy(false);
        }
    };
    return {busy, error, run};
}
