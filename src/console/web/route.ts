// The page's place, kept behind the # of the address: "#/transactions/<id>" or "#/holds?state=OPEN". It never leaves
// the browser.
import {makeStore, useStore} from "./store";

export interface Route {
    path: string[];
    query: Record<string, string>;
}

function read(): Route {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    return {path: path.split("/").filter(Boolean).map(decodeURIComponent),
            query: Object.fromEntries(new URLSearchParams(query ?? ""))};
}

const route = makeStore(read());
window.addEventListener("hashchange", () => route.set(read()));

export const useRoute = () => useStore(route);

export function linkTo(path: string, query: Record<string, string> = {}): string {
    const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
    return `#/${path}${text && "?"}${text}`;
}

export function go(link: string) {
    location.hash = link;
}

export function isUuid(text: string): boolean {
    return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
