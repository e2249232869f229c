"""What holds for every page: it fits the window, and its texts can be read (WCAG 2.1, level AA)."""

# Every text that is shown, with the contrast to what is painted behind it. Large texts need less.
CONTRASTS = """
const parse = (text) => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return {r: found[0], g: found[1], b: found[2], a: found.length > 3 ? found[3] : 1};
};
const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a),
    b: top.b * top.a + below.b * (1 - top.a), a: 1});
const light = ({r, g, b}) => {
    const [x, y, z] = [r, g, b].map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.push(parse(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), {r: 255, g: 255, b: 255, a: 1});
};
const ratio = (one, other) => {
    const [more, less] = [light(one), light(other)].sort((a, b) => b - a);
    return (more + 0.05) / (less + 0.05);
};
const weak = [];
let texts = 0;
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest(".unseen, option, script, noscript")) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(over(parse(style.color), behind(element)), behind(element));
    ++texts;
    if (found < (large ? 3 : 4.5)) weak.push(`${found.toFixed(2)} ${walk.currentNode.data.trim().slice(0, 40)}`);
}
for (const control of document.querySelectorAll("input, select, button, .button")) {
    if (!control.checkVisibility() || control.type === "checkbox") continue;
    const style = getComputedStyle(control);
    if (style.borderTopStyle === "none" || style.borderTopWidth === "0px") continue;
    const found = ratio(parse(style.borderTopColor), behind(control.parentElement));
    if (found < 3) weak.push(`${found.toFixed(2)} border of ${control.innerText || control.id}`);
}
return {texts, weak};
"""

# Every control has a name that is read out, every image a text, and no id is given twice.
NAMES = """
const wrong = [];
for (const one of document.querySelectorAll("button, a, input, select, canvas, dialog")) {
    if (!one.checkVisibility()) continue;
    const label = one.id && document.querySelector(`label[for="${CSS.escape(one.id)}"]`);
    const spoken = one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") || one.innerText?.trim();
    const named = spoken || label || one.closest("label");
    if (!named) wrong.push(one.outerHTML.slice(0, 120));
}
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
wrong.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `id ${id} twice`));
if (document.querySelectorAll("h1").length !== 1) wrong.push("not exactly one h1");
return wrong;
"""

OVERFLOW = """
const wide = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() &&
    one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".unseen, .clip, .skip, pre, thead"));
return {page: document.documentElement.scrollWidth - innerWidth, wide: wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 100))};
"""


def problems(browser):
    """Texts that say what is wrong with the page as it is shown now."""
    contrasts = browser.run(CONTRASTS)
    overflow = browser.run(OVERFLOW)
    found = [f"contrast {one}" for one in contrasts["weak"]] + [f"name {one}" for one in browser.run(NAMES)]
    if contrasts["texts"] < 5:
        found.append("hardly any text")
    if overflow["page"] > 0 or overflow["wide"]:
        found.append(f"wider than the window: {overflow}")
    return found
