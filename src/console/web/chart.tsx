// A small chart that is drawn again when its numbers or the theme change. What it shows stands beside it as numbers.
import {useEffect, useRef} from "react";
import {
    BarController, BarElement, CategoryScale, Chart, ChartConfiguration, Legend, LinearScale, LineController,
    LineElement, PointElement, Tooltip,
} from "chart.js";
import {count} from "./money";
import {useStore} from "./store";
import {colour, repaint} from "./theme";

Chart.register(BarController, BarElement, CategoryScale, Legend, LinearScale, LineController, LineElement,
    PointElement, Tooltip);

export interface Series {
    name: string;
    values: (number | null)[];
    colour: string;   // of app.css, such as "--accent"
    dash?: number[];  // so that lines differ by more than their colour
}

export interface Drawn {
    label: string;
    kind: "line" | "bar";
    labels: string[];
    series: Series[];
}

function datasetOf({kind, series}: Drawn) {
    return series.map((one) => ({
        label: one.name, data: one.values, borderColor: colour(one.colour), backgroundColor: colour(one.colour),
        borderDash: one.dash ?? [], borderWidth: kind === "line" ? 2 : 0, pointRadius: 0, pointHitRadius: 8, tension: 0,
    }));
}

function optionsOf({kind, series}: Drawn): ChartConfiguration["options"] {
    const text = {color: colour("--muted")};
    return {
        animation: false,
        maintainAspectRatio: false,
        interaction: {mode: "index", intersect: false},
        plugins: {legend: {display: series.length > 1, labels: {color: colour("--text"), boxHeight: 1, boxWidth: 24}}},
        scales: {
            x: {ticks: {...text, maxTicksLimit: kind === "line" ? 6 : 13, maxRotation: 0}, grid: {display: false}},
            y: {beginAtZero: true, suggestedMax: 1, grid: {color: colour("--line")},
                ticks: {...text, maxTicksLimit: 5, callback: (value) => count(Number(value))}},
        },
    };
}

export function SmallChart(drawn: Drawn) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const chart = useRef<Chart>();
    const painted = useStore(repaint);
    useEffect(() => {
        chart.current = new Chart(canvas.current!, {
            type: drawn.kind, data: {labels: drawn.labels, datasets: datasetOf(drawn)}, options: optionsOf(drawn),
        } as ChartConfiguration);
        return () => chart.current?.destroy();
    }, [painted, drawn.kind]);
    useEffect(() => {
        const {data} = chart.current!;
        data.labels = drawn.labels;
        drawn.series.forEach((one, at) => { data.datasets[at].data = one.values; });
        chart.current!.update();
    }, [drawn.labels]);
    return <div className="chart"><canvas ref={canvas} role="img" aria-label={drawn.label}/></div>;
}
