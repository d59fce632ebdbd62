// Samples as the columns of a chart, no more of them than it has room for.

import type { Sample, Series } from "./samples.js";

export type Column = (number | null)[];

/** How points that fall together become one: the mean of what flows, the worst of what may be bad. */
export type Join = "mean" | "most";

export interface Wish {
  readonly series: Series;
  readonly join: Join;
}

/** Where nothing came for so long, there is a hole and no line, in seconds: more where points stand further apart. */
const HOLE = 12;

/** The times, then a column for each wish. At most `most` points, each of equally many seconds. */
export function columns(samples: readonly Sample[], wishes: readonly Wish[], most: number): [number[], ...Column[]] {
  const groups = grouped(samples, most);
  const times: number[] = [];
  const found: Column[] = wishes.map(() => []);
  let before: number | undefined;
  const hole = Math.max(HOLE, 2.5 * spacing(samples));
  for (const group of groups) {
    const at = group[0]!.at;
    if (before !== undefined && at - before > hole) {
      times.push(before + 1);
      for (const column of found) column.push(null);
    }
    times.push(at);
    wishes.forEach((wish, place) => found[place]!.push(joined(group, wish)));
    before = group.at(-1)!.at;
  }
  return [times, ...found];
}

/** How far apart points stand, as a rule: by the older ones, which are the sparser. */
function spacing(samples: readonly Sample[]): number {
  const [first, second] = [samples[0], samples[1]];
  return first && second ? second.at - first.at : 1;
}

/** Each group's bounds are whole multiples of its length, so that points stand still as time goes on. */
function grouped(samples: readonly Sample[], most: number): (readonly Sample[])[] {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || samples.length <= most) return samples.map((it) => [it]);
  const length = Math.max(1, Math.ceil((last.at - first.at) / (most - 1)));
  const groups = new Map<number, Sample[]>();
  for (const sample of samples) {
    const name = Math.floor(sample.at / length);
    const group = groups.get(name);
    if (group) group.push(sample);
    else groups.set(name, [sample]);
  }
  return [...groups.values()];
}

function joined(group: readonly Sample[], { series, join }: Wish): number | null {
  const told = group.map((it) => it[series]).filter((it) => it !== null);
  if (told.length === 0) return null;
  return join === "most" ? Math.max(...told) : told.reduce((sum, it) => sum + it, 0) / told.length;
}
