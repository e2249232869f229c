// Dark or light: as the system says, until somebody chooses here.
import {makeStore} from "./store";

export type Theme = "system" | "light" | "dark";
const KEY = "ledgerline-theme";

function stored(): Theme {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
}

export const theme = makeStore<Theme>(stored());
// Grows when colours change, for what is drawn once.
export const repaint = makeStore(0);

export function applyTheme() {
    const chosen = theme.get();
    if (chosen === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", chosen);
    repaint.set(repaint.get() + 1);
}

export function chooseTheme(next: Theme) {
    localStorage.setItem(KEY, next);
    theme.set(next);
    applyTheme();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);

// The value of a colour of app.css, such as "--accent".
export function colour(name: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
