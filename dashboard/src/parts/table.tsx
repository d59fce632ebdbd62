// A table that scrolls by itself where it is too wide, and sorts where that is wanted.

import type { ComponentChildren } from "preact";

export interface Column<T> {
  readonly name: string;
  readonly cell: (row: T) => ComponentChildren;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
  /** By what it sorts, if it does. */
  readonly by?: (row: T) => number | string;
  /** Left out where there is little room. */
  readonly isMinor?: boolean;
  readonly id?: string;
}

export interface Sorting {
  readonly by: string;
  readonly down: boolean;
}

/** `lag` and `-lag`, as a URL has it. */
export function sorting(text: string | null, otherwise: string): Sorting {
  const it = text ?? otherwise;
  return { by: it.replace(/^-/, ""), down: it.startsWith("-") };
}

export function Table<T>({
  caption,
  columns,
  rows,
  id,
  sort,
  sorted,
}: {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly id: (row: T) => string | number;
  readonly sort?: Sorting;
  readonly sorted?: (sort: string) => void;
}) {
  const column = columns.find((it) => it.id !== undefined && it.id === sort?.by);
  const shown = column?.by ? [...rows].sort((a, b) => compared(column.by!(a), column.by!(b)) * (sort?.down ? -1 : 1)) : rows;
  return (
    <div class="scroll" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((it) => (
              <Head key={it.name} column={it} sort={sort} sorted={sorted} />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={id(row)}>
              {columns.map((it) => (
                <td key={it.name} class={classes(it)}>
                  {it.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head<T>({ column, sort, sorted }: { readonly column: Column<T>; readonly sort: Sorting | undefined; readonly sorted: ((sort: string) => void) | undefined }) {
  const { id, name, by } = column;
  if (!by || id === undefined || !sorted) {
    return (
      <th scope="col" class={classes(column)}>
        {name}
      </th>
    );
  }
  const is = sort?.by === id;
  const next = is && !sort.down ? `-${id}` : is ? id : column.isNumber ? `-${id}` : id;
  return (
    <th scope="col" class={classes(column)} aria-sort={is ? (sort.down ? "descending" : "ascending") : "none"}>
      <button type="button" class="plain" onClick={() => sorted(next)}>
        {name}
        <span aria-hidden="true">{is ? (sort.down ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function classes<T>({ isNumber, isMinor }: Column<T>): string {
  return [isNumber ? "num" : "", isMinor ? "minor" : ""].filter(Boolean).join(" ");
}

function compared(a: number | string, b: number | string): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
