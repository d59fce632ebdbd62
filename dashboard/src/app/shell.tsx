// The frame around all views.

import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { door, enter } from "../api/http.js";
import { usePoll } from "../api/poll.js";
import * as format from "../model/format.js";
import { Shape, Time } from "../parts/basics.js";
import { Notes, Questions, tell } from "../parts/dialog.js";
import { Adapters } from "../views/adapters.js";
import { Live } from "../views/live.js";
import { Migration } from "../views/migration/index.js";
import { Overview } from "../views/overview/index.js";
import { Sessions } from "../views/sessions.js";
import { Settings } from "../views/settings.js";
import { Connection } from "./connection.js";
import { moved } from "./feed.js";
import { usePlace } from "./here.js";
import type { View } from "./route.js";
import { VIEWS } from "./route.js";
import { reach, returns, stats } from "./router_state.js";
import { useStore } from "./store.js";
import { choose, theme } from "./theme.js";

const PAGES: Readonly<Record<View, readonly [string, FunctionComponent]>> = {
  overview: ["Overview", Overview],
  live: ["Live", Live],
  migration: ["Migration", Migration],
  adapters: ["Adapters", Adapters],
  sessions: ["Sessions", Sessions],
  settings: ["Settings", Settings],
};

export function Shell() {
  const { view } = usePlace();
  const [name, Page] = PAGES[view];
  usePoll(stats);
  useNews();
  useEffect(() => {
    document.title = `${name} · Signalbox`;
    document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [name]);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the view
      </a>
      <header class="top">
        <span class="brand">
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d="M4 17V3h4v14M8 5l8 3v-4l-8-2" />
          </svg>
          Signalbox
        </span>
        <nav aria-label="Views">
          {VIEWS.map((it) => (
            <a key={it} href={`#/${it}`} aria-current={it === view ? "page" : undefined}>
              {PAGES[it][0]}
            </a>
          ))}
        </nav>
        <div class="top-right">
          <Connection />
          <ThemeChoice />
        </div>
      </header>
      <Away />
      <Door />
      <main id="main" tabIndex={-1} class={`view view-${view}`}>
        <h1 class="unseen">{name}</h1>
        <Page />
      </main>
      <Notes />
      <Questions />
    </>
  );
}

/** The part behind the `#` is the view's, so the link does not go there. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

const NEXT = { system: "light", light: "dark", dark: "system" } as const;
const SIGNS = { system: "◐", light: "☀", dark: "☾" } as const;

function ThemeChoice() {
  const it = useStore(theme);
  const words = it === "system" ? "as the system" : it;
  return (
    <button type="button" class="plain theme" onClick={() => choose(NEXT[it])} aria-label={`Colours: ${words}. Change to ${NEXT[it]}`} title={`Colours: ${words}`}>
      <span aria-hidden="true">{SIGNS[it]}</span>
    </button>
  );
}

/** What is news wherever somebody is on the page. */
function useNews(): void {
  const move = useStore(moved);
  const back = useStore(returns);
  useEffect(() => {
    if (!move) return;
    if (move.outcome === "moved") tell("info", `This page moved to the ${move.to} path: ${move.reason}`);
    else tell("warn", `This page stayed on the ${move.from} path: ${move.detail}`);
  }, [move]);
  useEffect(() => {
    if (!back) return;
    const after = back.away_ms > 0 ? ` after ${format.duration(back.away_ms / 1000)}` : "";
    tell("good", `The router is back${after}${back.restarted ? ": it was started again" : ""}.`);
  }, [back]);
}

function Away() {
  const it = useStore(reach);
  if (it.isUp) return null;
  return (
    <div class="banner" data-level="bad" role="alert">
      <Shape level="bad" />
      <span>
        {it.why} What is shown is from before <Time at={it.since} />. Trying again each second.
      </span>
    </div>
  );
}

/** Where a token is wanted: it is kept until the tab is closed, and sent to this router only. */
function Door() {
  const it = useStore(door);
  const [text, type] = useState("");
  if (it === "open") return null;
  return (
    <form
      class="banner"
      data-level="info"
      onSubmit={(event) => {
        event.preventDefault();
        if (text) enter(text);
      }}
    >
      <Shape level="info" />
      <label>
        {it === "refused" ? "That token is not good here. Another one:" : "This router wants a token:"}
        <input type="password" value={text} autocomplete="off" onInput={({ currentTarget }) => type(currentTarget.value)} />
      </label>
      <button type="submit" class="primary">
        Go in
      </button>
    </form>
  );
}
