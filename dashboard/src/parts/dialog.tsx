// Asking before something is done, and telling what came of it.

import { useEffect, useRef, useState } from "preact/hooks";
import { told } from "../api/http.js";
import { Store, useStore } from "../app/store.js";
import { type Level, Shape } from "./basics.js";

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button that does it says. */
  readonly action: string;
  readonly isDangerous?: boolean;
  /** Asks for a word on why, which goes into the audit log. */
  readonly asksReason?: boolean;
}

interface Open extends Question {
  readonly answer: (reason: string | undefined) => void;
}

const open = new Store<Open | undefined>(undefined);

/** The reason, perhaps empty; nothing when it is not to be done. */
export function confirm(question: Question): Promise<string | undefined> {
  open.value?.answer(undefined);
  return new Promise((resolve) => {
    open.set({
      ...question,
      answer: (reason) => {
        open.set(undefined);
        resolve(reason);
      },
    });
  });
}

export function Questions() {
  const it = useStore(open);
  return it ? <Asking key={it.title} it={it} /> : null;
}

function Asking({ it }: { readonly it: Open }) {
  const [reason, type] = useState("");
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  return (
    <dialog ref={ref} onCancel={() => it.answer(undefined)} aria-labelledby="question">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          it.answer(reason.trim());
        }}
      >
        <h2 id="question">{it.title}</h2>
        <p>{it.text}</p>
        {it.asksReason ? (
          <label class="field">
            Why? It goes into the audit log.
            <input value={reason} maxLength={200} onInput={({ currentTarget }) => type(currentTarget.value)} />
          </label>
        ) : null}
        <div class="buttons">
          <button type="button" onClick={() => it.answer(undefined)}>
            Cancel
          </button>
          <button type="submit" class={it.isDangerous ? "danger" : "primary"}>
            {it.action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface Note {
  readonly id: number;
  readonly level: Level;
  readonly text: string;
}

const notes = new Store<readonly Note[]>([]);
let made = 0;

/** Told for some seconds; what is bad, longer. */
export function tell(level: Level, text: string): void {
  const id = (made += 1);
  notes.set([...notes.value.slice(-3), { id, level, text }]);
  setTimeout(() => dismiss(id), level === "bad" ? 12_000 : 6000);
}

function dismiss(id: number): void {
  notes.set(notes.value.filter((it) => it.id !== id));
}

/** Does something that somebody asked for, and tells what came of it. */
export async function attempt(what: () => Promise<unknown>, done: string): Promise<boolean> {
  try {
    await what();
    tell("good", done);
    return true;
  } catch (error) {
    tell("bad", told(error));
    return false;
  }
}

export function Notes() {
  return (
    <div class="notes" role="status" aria-live="polite">
      {useStore(notes).map((it) => (
        <div key={it.id} class="note" data-level={it.level}>
          <Shape level={it.level} />
          <span>{it.text}</span>
          <button type="button" class="plain" aria-label="Dismiss" onClick={() => dismiss(it.id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
