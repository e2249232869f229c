// What a dialog with a form is made of.
import {ReactNode} from "react";
import {Dialog} from "./parts";

export function Ask({title, action, danger, busy, run, close, children}: {
    title: string;
    action: string;
    danger?: boolean;
    busy: boolean;
    run(): void;
    close(): void;
    children: ReactNode;
}) {
    return (
        <Dialog title={title} close={close}>
            <form onSubmit={(event) => { event.preventDefault(); run(); }}>
                {children}
                <div className="actions">
                    <button type="button" onClick={close}>Cancel</button>
                    <button className={danger ? "danger" : "main"} disabled={busy}>{action}</button>
                </div>
            </form>
        </Dialog>
    );
}

export function Tick({label, on, set}: {label: ReactNode; on: boolean; set(on: boolean): void}) {
    return (
        <label className="inline">
            <input type="checkbox" checked={on} onChange={() => set(!on)}/> {label}
        </label>
    );
}
