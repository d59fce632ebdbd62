// JSON to look at: bounded, and never anything but text.

import { lines } from "../model/json.js";

const INDENT = "  ";

export function Json({ value }: { readonly value: unknown }) {
  return (
    <pre class="json" tabIndex={0} aria-label="JSON">
      {lines(value).map(({ depth, parts }, place) => (
        <div key={place}>
          {INDENT.repeat(depth)}
          {parts.map(({ kind, text }, at) => (
            <bdi key={at} class={`json-${kind}`}>
              {text}
            </bdi>
          ))}
        </div>
      ))}
    </pre>
  );
}
