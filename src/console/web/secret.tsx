// The secret of a key or a webhook that was just made or rotated. It is shown above every page, and above the log-in too,
// because the session may end with the old secret; it is gone once it is hidden or the page is loaded again.
import {useState} from "react";
import {makeStore, useStore} from "./store";

const shown = makeStore<{name: string; text: string} | null>(null);

export const showSecret = (name: string, text: string) => shown.set({name, text});

export function SecretBox() {
    const secret = useStore(shown);
    const [copied, setCopied] = useState("");
    if (!secret) return null;
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(secret.text);
            setCopied("Copied.");
        } catch {
            setCopied("The browser forbids it: select the text instead.");
        }
    };
    const hide = () => {
        setCopied("");
        shown.set(null);
    };
    return (
        <section className="secret" aria-label="New secret">
            <p role="status">The secret of <strong>{secret.name}</strong> is shown only now. Keep it where its user finds
                it.</p>
            <p><code>{secret.text}</code></p>
            <div className="actions">
                <button type="button" onClick={() => void copy()}>Copy</button>
                <button type="button" onClick={hide}>I have kept it</button>
                <span aria-live="polite">{copied}</span>
            </div>
        </section>
    );
}
