// Amounts for people. Minor units are exact integers: they become text by their digits, never by division.
import type {Cents} from "./types";

// How many decimals a currency has, by ISO 4217, where it is not two. Browsers follow another table, by what people
// use, in which for example HUF has none: amounts would be a hundredfold.
const EXPONENTS: Record<string, number> = {
    BIF: 0, CLP: 0, DJF: 0, GNF: 0, ISK: 0, JPY: 0, KMF: 0, KRW: 0, PYG: 0, RWF: 0, UGX: 0, UYI: 0, VND: 0, VUV: 0,
    XAF: 0, XOF: 0, XPF: 0,
    BHD: 3, IQD: 3, JOD: 3, KWD: 3, LYD: 3, OMR: 3, TND: 3,
    CLF: 4, UYW: 4,
};

export function exponentOf(currency: string): number {
    return EXPONENTS[currency] ?? 2;
}

// "-1234.50"
export function plain(cents: Cents | bigint, currency: string): string {
    const value = BigInt(cents);
    const exponent = exponentOf(currency);
    const digits = (value < 0n ? -value : value).toString().padStart(exponent + 1, "0");
    const whole = digits.slice(0, digits.length - exponent);
    return (value < 0n ? "-" : "") + (exponent > 0 ? `${whole}.${digits.slice(digits.length - exponent)}` : whole);
}

// "1,234.50 EUR", in the browser's language. Only the whole part goes through it, as an exact integer.
export function formatted(cents: Cents | bigint, currency: string): string {
    const [whole, fraction] = plain(cents, currency).replace("-", "").split(".");
    const decimal = new Intl.NumberFormat().formatToParts(1.5).find((part) => part.type === "decimal")!.value;
    const sign = BigInt(cents) < 0n ? "\u2212" : "";
    const text = sign + new Intl.NumberFormat().format(BigInt(whole)) + (fraction ? decimal + fraction : "");
    return `${text}\u00a0${currency}`;
}

// The minor units of "1234.5"; a text that says what is wrong for anything else.
export function parseAmount(text: string, currency: string): {cents: bigint} | {wrong: string} {
    const exponent = exponentOf(currency);
    const match = /^(\d{1,16})(?:\.(\d+))?$/.exec(text.trim());
    if (!match) return {wrong: "Amount must be a number such as 12 or 12.50, without separators."};
    const fraction = match[2] ?? "";
    if (fraction.length > exponent)
        return {wrong: `Amount may have at most ${exponent} decimals in ${currency}.`};
    const cents = BigInt(match[1] + fraction.padEnd(exponent, "0"));
    return cents > 0n ? {cents} : {wrong: "Amount must be greater than 0."};
}

export function count(value: number): string {
    return new Intl.NumberFormat().format(value);
}
