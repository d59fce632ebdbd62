// Setting a flag: its value, until when, and why.

import { useEffect, useRef, useState } from "preact/hooks";
import type { FlagRow } from "../api/schema.js";
import { Store, useStore } from "../app/store.js";
import { allowedWords, flagValue } from "../model/flag_value.js";
import { Words } from "./basics.js";

export interface Setting {
  readonly value: unknown;
  readonly expires_in: string;
  readonly reason: string;
}

interface Open {
  readonly flag: FlagRow;
  readonly answer: (setting: Setting | undefined) => void;
}

const open = new Store<Open | undefined>(undefined);

/** What it is to be; nothing when it is to stay. */
export function edit(flag: FlagRow): Promise<Setting | undefined> {
  open.value?.answer(undefined);
  return new Promise((resolve) => {
    open.set({
      flag,
      answer: (setting) => {
        open.set(undefined);
        resolve(setting);
      },
    });
  });
}

export function Editor() {
  const it = useStore(open);
  return it ? <Form key={it.flag.key} it={it} /> : null;
}

const ENDS = [
  ["", "until it is cleared"],
  ["15m", "15 minutes"],
  ["1h", "1 hour"],
  ["8h", "8 hours"],
  ["1d", "1 day"],
  ["7d", "7 days"],
] as const;

function Form({ it: { flag, answer } }: { readonly it: Open }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, type] = useState(Array.isArray(flag.value) ? flag.value.join(", ") : String(flag.value));
  const [expires_in, expire] = useState("");
  const [reason, say] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const value = flagValue(flag.type, text);
  const words = flag.type === "boolean" ? ["true", "false"] : flag.type === "word" ? allowedWords(flag.allowed) : [];
  return (
    <dialog ref={dialog} onCancel={() => answer(undefined)} aria-labelledby="editor">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (value !== undefined) answer({ value, expires_in, reason: reason.trim() });
        }}
      >
        <h2 id="editor">
          Set <code>{flag.name}</code>
        </h2>
        <p>
          <Words text={flag.description} /> <span class="faint">Must be {flag.allowed}.</span>
        </p>
        <label class="field">
          Value
          {words.length > 0 ? (
            <select value={text} onChange={({ currentTarget }) => type(currentTarget.value)}>
              {words.map((word) => (
                <option key={word}>{word}</option>
              ))}
            </select>
          ) : (
            <input value={text} inputMode={flag.type === "integer" ? "numeric" : "text"} aria-invalid={value === undefined} onInput={({ currentTarget }) => type(currentTarget.value)} />
          )}
        </label>
        <label class="field">
          For how long
          <select value={expires_in} onChange={({ currentTarget }) => expire(currentTarget.value)}>
            {ENDS.map(([name, says]) => (
              <option key={name} value={name}>
                {says}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          Why? It goes into the audit log.
          <input value={reason} maxLength={200} onInput={({ currentTarget }) => say(currentTarget.value)} />
        </label>
        <div class="buttons">
          <button type="button" onClick={() => answer(undefined)}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={value === undefined}>
            Set it
          </button>
        </div>
      </form>
    </dialog>
  );
}
