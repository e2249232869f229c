import {createElement} from "react";
import {createRoot} from "react-dom/client";
import {loadSession, Refusal} from "./api";
import {Shell} from "./shell";
import {applyTheme} from "./theme";

applyTheme();
createRoot(document.getElementById("app")!).render(createElement(Shell));
loadSession().catch((error) => {
    // The page already says that the server is away, and asks again.
    if (!(error instanceof Refusal)) throw error;
});
