// The secret of a key that was just made or rotated. It is shown above every page, and above the log-in too, because the
// session may end with the old secret; it is gone once it is hidden or the page is loaded again.
import {useState} from "react";
import {makeStore, useStore} from "./store";
import type {MadeKey} from "./types";

const made = makeStore<MadeKey | null>(null);

export const showMadeKey = (key: MadeKey) => made.set(key);

export function MadeKeyBox() {
    const key = useStore(made);
    const [copied, setCopied] = useState("");
    if (!key) return null;
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(key.key);
            setCopied("Copied.");
        } catch {
            setCopied("The browser forbids it: select the text instead.");
        }
    };
    const hide = () => {
        setCopied("");
        made.set(null);
    };
    return (
        <section className="made-key" aria-label="New secret">
            <p role="status">The secret of <strong>{key.name}</strong> is shown only now. Keep it where its user finds
                it.</p>
            <p><code>{key.key}</code></p>
            <div className="actions">
                <button type="button" onClick={() => void copy()}>Copy</button>
                <button type="button" onClick={hide}>I have kept it</button>
                <span aria-live="polite">{copied}</span>
            </div>
        </section>
    );
}
