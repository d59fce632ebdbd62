// A chart over time. Lines differ by their dashes too; what it shows stands below it as text.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { shade } from "../app/theme.js";
import { useStore } from "../app/store.js";
import { clock } from "../model/format.js";

/** Which of the colours of the page a line has: the paths have theirs everywhere. */
export type Ink = "in" | "direct" | "realtime" | "other" | "bad";

export interface ChartLine {
  readonly name: string;
  readonly ink: Ink;
  /** 0 is a whole line, more are dashes. */
  readonly dash?: 0 | 1 | 2;
  readonly isFilled?: boolean;
}

/** Something that happened: a line across, with its number in the list of changes. */
export interface Mark {
  readonly at: number;
  readonly label: string;
}

export interface ChartProps {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly data: readonly [readonly number[], ...Column[]];
  readonly from: number;
  readonly to: number;
  readonly say: (value: number | null) => string;
  readonly marks?: readonly Mark[];
  /** The axis goes up to this at least. */
  readonly least?: number;
  /** It never goes further up than this. */
  readonly most?: number;
  /** It begins here, or at the lowest that is shown: otherwise at 0. */
  readonly begin?: number;
  /** Steps of the axis are those of KiB and MiB. */
  readonly isBinary?: boolean;
}

type Column = readonly (number | null)[];

const DASHES = [[], [6, 4], [2, 3]];
const HEIGHT = 170;
/** Pointing at a time in one chart points at it in all. */
const SYNC = "signalbox";

export function Chart(props: ChartProps) {
  const { title, lines, data, from, to, say, marks = [] } = props;
  const box = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef(props);
  now.current = props;
  const theme = useStore(shade);
  const shape = lines.map(({ name }) => name).join();

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(options(element, () => now.current, (it) => legend.current && tellLegend(legend.current, it, now.current)), now.current.data as unknown as uPlot.AlignedData, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(element.clientWidth, 120), height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, shape]);

  useEffect(() => {
    const it = plot.current;
    if (!it) return;
    it.batch(() => {
      it.setData(data as unknown as uPlot.AlignedData, false);
      it.setScale("x", { min: from, max: to });
    });
    if (legend.current) tellLegend(legend.current, it, now.current);
  }, [data, from, to, marks]);

  const told = (of: (column: Column) => number | null) => lines.map(({ name }, place) => `${name} ${say(of(data[place + 1] ?? []))}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${title}: now ${told(newest)}; at most ${told(greatest)}`} />
      <ul ref={legend} class="legend" aria-hidden="true">
        {lines.map(({ name, ink, dash = 0 }) => (
          <li key={name} data-ink={ink}>
            <svg viewBox="0 0 22 4">
              <line x1="0" y1="2" x2="22" y2="2" stroke-dasharray={DASHES[dash]?.join(" ")} />
            </svg>
            {name} <span class="legend-value" />
          </li>
        ))}
        <li class="legend-time" />
      </ul>
    </figure>
  );
}

const newest = (column: Column): number | null => column.at(-1) ?? null;

function greatest(column: Column): number | null {
  const told = column.filter((it) => it !== null);
  return told.length > 0 ? Math.max(...told) : null;
}

/** Says what is pointed at, else the newest: written by hand, as often as the pointer moves. */
function tellLegend(list: HTMLElement, plot: uPlot, { say }: ChartProps): void {
  const pointed = plot.cursor.idx ?? undefined;
  const place = pointed ?? plot.data[0].length - 1;
  list.querySelectorAll(".legend-value").forEach((element, line) => {
    element.textContent = say(plot.data[line + 1]?.[place] ?? null);
  });
  const at = pointed === undefined ? undefined : plot.data[0][pointed];
  const time = list.querySelector(".legend-time");
  if (time) time.textContent = at === undefined ? "" : clock(new Date(at * 1000), new Date());
}

function options(element: HTMLElement, now: () => ChartProps, pointed: (plot: uPlot) => void): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const font = `11px ${style.fontFamily}`;
  const axis: uPlot.Axis = { stroke: color("faint"), font, grid: { stroke: color("line"), width: 1 }, ticks: { show: false } };
  const { lines } = now();
  return {
    width: Math.max(element.clientWidth, 120),
    height: HEIGHT,
    padding: [16, 8, 0, 0],
    cursor: { sync: { key: SYNC }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true, auto: false }, y: { range: (_, low, high) => span(low, high, now()) } },
    axes: [
      { ...axis, size: 28, space: 70, values: (_, times) => times.map((at) => clockAt(at, times)) },
      { ...axis, size: 58, gap: 4, splits: (_, __, low, high) => splits(low, high, now().isBinary), values: (_, values) => values.map((it) => now().say(it)) },
    ],
    legend: { show: false },
    series: [
      {},
      ...lines.map(({ name, ink, dash = 0, isFilled }): uPlot.Series => ({
        label: name,
        stroke: color(`ink-${ink}`),
        width: 1.5,
        dash: DASHES[dash] ?? [],
        spanGaps: false,
        points: { show: (it, place) => isLonely(it, place) },
        ...(isFilled ? { fill: color(`fill-${ink}`) } : {}),
      })),
    ],
    hooks: { setCursor: [pointed], draw: [(it) => drawMarks(it, now().marks ?? [], color("mark"), font)] },
  };
}

/** A single point has no line: it is shown as a point. */
function isLonely(plot: uPlot, place: number): boolean {
  const told = Array.from(plot.data[place] ?? []).filter((it) => it !== null && it !== undefined);
  return told.length === 1;
}

function span(low: number | null, high: number | null, { least = 1, most, begin }: ChartProps): [number, number] {
  const top = Math.max(high ?? 0, least) * 1.08;
  const bottom = begin === undefined ? 0 : Math.min(begin, low ?? begin);
  return [bottom, most === undefined ? top : Math.min(top, most)];
}

function splits(low: number, high: number, isBinary: boolean | undefined): number[] {
  const step = isBinary ? 2 ** Math.round(Math.log2((high - low) / 3)) : nice((high - low) / 3);
  const out: number[] = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) out.push(Number(at.toPrecision(12)));
  return out;
}

/** The next of 1, 2, 5, 10… */
function nice(step: number): number {
  const size = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].map((it) => it * size).find((it) => it >= step * 0.999) ?? step;
}

/** With seconds only where they tell something. */
function clockAt(at: number, times: readonly number[]): string {
  const text = new Date(at * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return (times[1] ?? 60) - (times[0] ?? 0) < 60 ? text : text.slice(0, 5);
}

function drawMarks(plot: uPlot, marks: readonly Mark[], color: string, font: string): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const { min = 0, max = 0 } = plot.scales["x"] ?? {};
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = ratio;
  ctx.font = font.replace(/^(\d+)px/, (_, size: string) => `${Number(size) * ratio}px`);
  ctx.textAlign = "center";
  const shown = marks.filter(({ at }) => at >= (min ?? 0) && at <= (max ?? 0)).sort((one, other) => one.at - other.at);
  for (const group of together(shown.map(({ at, label }) => ({ x: Math.round(plot.valToPos(at, "x", true)), label })), 18 * ratio)) {
    const [first, last] = [group[0]!, group.at(-1)!];
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    for (const { x } of group) {
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.fillText(first === last ? first.label : `${first.label}–${last.label}`, (first.x + last.x) / 2, bbox.top - 4 * ratio);
  }
  ctx.restore();
}

interface Placed {
  readonly x: number;
  readonly label: string;
}

/** Marks that stand so near to each other that they share a label. */
function together(marks: readonly Placed[], near: number): Placed[][] {
  const groups: Placed[][] = [];
  for (const mark of marks) {
    const last = groups.at(-1);
    if (last && mark.x - last.at(-1)!.x < near) last.push(mark);
    else groups.push([mark]);
  }
  return groups;
}
