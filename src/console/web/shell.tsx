// What surrounds every page: the way around, the session, and whether the server is there.
import {Component, FormEvent, ReactNode, useState} from "react";
import {AccountPage} from "./account";
import {AccountsPage} from "./accounts";
import {ApprovalsPage} from "./approvals";
import {AuditPage} from "./audit";
import {logIn, logOut, session, sessionEnded, setChanges, trouble} from "./api";
import {DeadLetterPage} from "./dead_letter";
import {DeadLettersPage} from "./dead_letters";
import {HoldsPage} from "./holds";
import {KeysPage} from "./keys";
import {LanesPage} from "./lanes";
import {useAction} from "./load";
import {OverviewPage} from "./overview";
import {Failure, Field, Heading} from "./parts";
import {PLACES, scopesOf, useMay, useMayChangeAnything} from "./places";
import {linkTo, useRoute} from "./route";
import {SecretBox} from "./secret";
import {useStore} from "./store";
import {chooseTheme, Theme, theme} from "./theme";
import {TransactionPage} from "./transaction";
import {TransactionsPage} from "./transactions";
import {WebhookPage} from "./webhook";
import {WebhooksPage} from "./webhooks";

// A fault of ours in one page leaves the way to the others.
class Guard extends Component<{children: ReactNode}, {failed: boolean}> {
    state = {failed: false};
    static getDerivedStateFromError() {
        return {failed: true};
    }
    render() {
        if (!this.state.failed) return this.props.children;
        return (
            <>
                <Heading>This page failed</Heading>
                <p>Load it again. If that does not help, the browser's own console says why.</p>
            </>
        );
    }
}

function Page() {
    const {path: [place = "", id]} = useRoute();
    const may = useMay();
    const scopes = scopesOf(place);
    if (!may(...scopes))
        return (
            <>
                <Heading>Not for this key</Heading>
                <p>This page needs a key with the scope <code>{scopes.join(" or ")}</code>.</p>
            </>
        );
    switch (place) {
    case "": return <OverviewPage/>;
    case "accounts": return id ? <AccountPage key={id} id={id}/> : <AccountsPage/>;
    case "transactions": return id ? <TransactionPage key={id} id={id}/> : <TransactionsPage/>;
    case "holds": return <HoldsPage/>;
    case "dead-letters": return id ? <DeadLetterPage key={id} id={id}/> : <DeadLettersPage/>;
    case "lanes": return <LanesPage/>;
    case "webhooks": return id ? <WebhookPage key={id} id={id}/> : <WebhooksPage/>;
    case "approvals": return <ApprovalsPage/>;
    case "keys": return <KeysPage/>;
    case "audit": return <AuditPage/>;
    default: return <><Heading>No such page</Heading><p><a href={linkTo("")}>To the overview</a></p></>;
    }
}

function ThemeChoice() {
    const now = useStore(theme);
    return (
        <label>
            <span className="unseen">Theme</span>
            <select value={now} onChange={(event) => chooseTheme(event.target.value as Theme)}>
                <option value="system">System theme</option>
                <option value="light">Light</option>
                <option value="dark">Dark</option>
            </select>
        </label>
    );
}

function ChangesSwitch() {
    const now = useStore(session)!;
    const {busy, error, run} = useAction(setChanges);
    const allowed = now.may_change === true;
    if (!useMayChangeAnything()) return <span className="badge plain">read-only</span>;
    return (
        <>
            <button type="button" role="switch" aria-checked={allowed} className="switch" disabled={busy}
                    onClick={() => run(!allowed)}>
                <span className="knob" aria-hidden="true"/>Allow changes
            </button>
            <span className={`badge ${allowed ? "warn" : "plain"}`}>{allowed ? "changes allowed" : "read-only"}</span>
            <Failure error={error}/>
        </>
    );
}

function SessionBar() {
    const now = useStore(session)!;
    const out = useAction(logOut);
    return (
        <div className="session">
            <ChangesSwitch/>
            {now.needs_key
                ? <>
                    <span className="fingerprint">Key <code>{now.key_id}</code></span>
                    <button type="button" disabled={out.busy} onClick={() => out.run()}
                            title={`Key ${now.key_id}, until ${now.expires_at}`}>Log out</button>
                </>
                : <span className="muted">No key needed</span>}
            <Failure error={out.error}/>
        </div>
    );
}

function LogIn() {
    const ended = useStore(sessionEnded);
    const [key, setKey] = useState("");
    const {busy, error, run} = useAction(async () => {
        await logIn(key.trim());
        setKey("");
    });
    const submit = (event: FormEvent) => {
        event.preventDefault();
        void run();
    };
    return (
        <main id="page" className="log-in">
            <Heading>Log in</Heading>
            {ended && <p role="status">The session has ended. Log in again.</p>}
            <form onSubmit={submit}>
                <Field label="API key"
                       hint="It is sent once, for a session of 8 hours, which may do what the key may do.">
                    {(id) => <input id={id} type="password" autoComplete="current-password" required value={key}
                                    pattern="\s*[!-~]+\s*" title="Visible ASCII characters only"
                                    onChange={(event) => setKey(event.target.value)}/>}
                </Field>
                <Failure error={error}/>
                <button className="main" disabled={busy}>Log in</button>
            </form>
        </main>
    );
}

function Trouble() {
    const reason = useStore(trouble);
    return (
        <div aria-live="assertive">
            {reason && <p className="trouble"><strong>Not connected.</strong> {reason} Trying again every 2 s.</p>}
        </div>
    );
}

function Places({here}: {here: string}) {
    const may = useMay();
    return (
        <nav aria-label="Pages">
            {PLACES.filter((place) => may(...place.scopes ?? [])).map(({path, name}) => (
                <a key={path} href={linkTo(path)} aria-current={path === here ? "page" : undefined}>{name}</a>
            ))}
        </nav>
    );
}

export function Shell() {
    const now = useStore(session);
    const {path: [place = ""]} = useRoute();
    const inside = now !== null && (!now.needs_key || now.key_id !== undefined);
    return (
        <>
            <a className="skip" href="#page" onClick={(event) => {
                event.preventDefault();
                document.querySelector<HTMLElement>("h1")?.focus();
            }}>Skip to the page</a>
            <header>
                <a className="brand" href={linkTo("")}>
                    <img src="console/icon.svg" alt="" width="24" height="24"/>Ledgerline
                </a>
                {inside && <Places here={place}/>}
                <div className="tools">{inside && <SessionBar/>}<ThemeChoice/></div>
            </header>
            <Trouble/>
            <SecretBox/>
            {now === null ? <main id="page"><p className="muted">Connecting …</p></main>
                : inside ? <main id="page"><Guard key={place}><Page/></Guard></main> : <LogIn/>}
            {now && <footer>Ledgerline {now.version}. Times are in UTC.</footer>}
        </>
    );
}
