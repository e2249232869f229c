// The filters of a list, kept in the page's address.
import {FormEvent, ReactNode, useState} from "react";
import {Field} from "./parts";
import {go, linkTo} from "./route";

export function Filters({place, query, children}: {
    place: string;
    query: Record<string, string>;
    children(draft: Record<string, string>, set: (name: string, value: string) => void): ReactNode;
}) {
    const [draft, setDraft] = useState(query);
    const apply = (event: FormEvent) => {
        event.preventDefault();
        const trimmed = Object.entries(draft).map(([name, value]) => [name, value.trim()]);
        go(linkTo(place, Object.fromEntries(trimmed)));
    };
    return (
        <form className="filters" onSubmit={apply}>
            {children(draft, (name, value) => setDraft({...draft, [name]: value}))}
            <button className="main">Apply</button>
            <a className="button" href={linkTo(place)}>Clear</a>
        </form>
    );
}

export function Input({label, value, set, type = "text", hint, ...more}: {
    label: string;
    value: string;
    set(value: string): void;
    type?: string;
    hint?: string;
    pattern?: string;
    title?: string;
    min?: number;
    max?: number;
    step?: number;
    maxLength?: number;
    required?: boolean;
    inputMode?: "decimal" | "numeric";
}) {
    return (
        <Field label={label} hint={hint}>
            {(id) => <input id={id} type={type} value={value} onChange={(event) => set(event.target.value)} {...more}/>}
        </Field>
    );
}

export function IdInput({label, value, set}: {label: string; value: string; set(value: string): void}) {
    return <Input label={label} value={value} set={set}
                  pattern="\s*[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\s*"
                  title="An id such as 0199f3c0-7b1c-7def-8abc-0123456789ab"/>;
}
