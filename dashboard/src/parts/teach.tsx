// What stands where there is nothing yet: what to paste, to have something.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { ApiError } from "../api/http.js";
import { told } from "../api/http.js";

/** Text that is copied by a click. */
export function Copy({ text, name = "Copy" }: { readonly text: string; readonly name?: string }) {
  const [done, set] = useState<string>();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      set("Copied");
    } catch {
      set("Select it by hand: the browser does not let the page copy");
    }
    setTimeout(() => set(undefined), 2500);
  };
  return (
    <button type="button" onClick={copy} aria-live="polite">
      {done ?? name}
    </button>
  );
}

export function Command({ text }: { readonly text: string }) {
  return (
    <div class="command">
      <pre tabIndex={0} aria-label="Command to paste">
        <code>{text}</code>
      </pre>
      <Copy text={text} />
    </div>
  );
}

export function Empty({ title, children, command }: { readonly title: string; readonly children?: ComponentChildren; readonly command?: string }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children ? <div>{children}</div> : null}
      {command ? <Command text={command} /> : null}
    </div>
  );
}

/** Why there is nothing here, when something went wrong. */
export function Failed({ error, what }: { readonly error: ApiError; readonly what: string }) {
  return (
    <div class="empty" role="status">
      <p class="empty-title">{error.isAbsent ? `This router does not tell ${what}.` : `${what[0]?.toUpperCase()}${what.slice(1)} cannot be shown.`}</p>
      <p>{told(error)}</p>
    </div>
  );
}
