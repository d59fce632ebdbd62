// What changed how the router works, with the numbers that stand in the charts.

import { Foreign, Panel, Time } from "../../parts/basics.js";
import { Empty } from "../../parts/teach.js";
import { curlPost } from "../../parts/teaching.js";
import type { Remembered } from "../../app/past.js";

export function Changes({ past: { changes } }: { readonly past: Remembered }) {
  return (
    <Panel title="What changed" class="wide">
      {changes.length === 0 ? (
        <Empty title="Nothing has changed in this time." command={curlPost()}>
          Flags, rollout steps, reloads and breakers leave a mark here and in the charts. Until then, some events to look at:
        </Empty>
      ) : (
        <>
          <ol class="changes">
            {changes.map(({ at, kind, what, label }) => (
              <li key={label}>
                <span class="change-label">{label}</span>
                <Time at={at} />
                <span class="change-kind">{kind}</span>
                <Foreign text={what} />
              </li>
            ))}
          </ol>
          <p class="aside">
            Who did it, and why, stands in the <a href="#/migration">audit log</a>.
          </p>
        </>
      )}
    </Panel>
  );
}
