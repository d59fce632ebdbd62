// Who would move at another share. Nobody does.

import { useEffect, useState } from "preact/hooks";
import type { RolloutPreview } from "../../api/schema.js";
import { type ApiError, get } from "../../api/http.js";
import { change, usePlace } from "../../app/here.js";
import * as format from "../../model/format.js";
import { Choice, Foreign } from "../../parts/basics.js";
import { Table } from "../../parts/table.js";
import { Failed } from "../../parts/teach.js";

const NAMED = 50;

export function PreviewPanel({ steps, percent }: { readonly steps: readonly number[]; readonly percent: number }) {
  const asked = usePlace().query.get("preview") ?? "";
  const [found, set] = useState<RolloutPreview | ApiError>();
  useEffect(() => {
    set(undefined);
    if (asked === "") return;
    const asking = new AbortController();
    get<RolloutPreview>("/v1/rollout/preview", { percent: asked }, asking.signal).then(set, (error: unknown) => asking.signal.aborted || set(error as ApiError));
    return () => asking.abort();
  }, [asked, percent]);
  const choices = [["", "Off"] as const, ...steps.map((it) => [String(it), `${it} %`] as const)];
  return (
    <>
      <h3>Preview: who would move</h3>
      <Choice name="Share to look at" of={choices} value={asked} chosen={(preview) => change({ preview })} />
      {asked === "" ? null : found === undefined ? (
        <p class="loading">Asking the router…</p>
      ) : found instanceof Error ? (
        <Failed error={found} what="a preview" />
      ) : (
        <>
          <p class="aside">
            At {asked} %, of {format.count(found.clients, "client")} that are connected or asked lately: {format.number(found.to_realtime)} would go to the realtime path, {format.number(found.to_direct)} would come back,{" "}
            {format.number(found.on_realtime)} would be there then.
          </p>
          {found.movers.length > 0 ? (
            <Table
              caption="Who would move"
              rows={found.movers.slice(0, NAMED)}
              id={({ client_id }) => client_id}
              columns={[
                { name: "Client", cell: ({ client_id }) => <Foreign text={client_id} most={80} /> },
                { name: "From", cell: ({ from }) => from },
                { name: "To", cell: ({ to }) => to },
                { name: "By the rule", cell: ({ rule }) => rule },
                { name: "Bucket", cell: ({ bucket }) => format.number(bucket), isNumber: true },
              ]}
            />
          ) : null}
          {found.movers.length > NAMED ? <p class="aside">{format.number(found.to_realtime + found.to_direct - NAMED)} more are not named here.</p> : null}
        </>
      )}
    </>
  );
}
