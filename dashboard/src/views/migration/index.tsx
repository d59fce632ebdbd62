// Moving clients from one path to the other: whether it is right, how far it is, and who decides.

import { Flags } from "./flags.js";
import { Log } from "./log.js";
import { Matching } from "./matching.js";
import { RolloutPanel } from "./rollout.js";

export function Migration() {
  return (
    <>
      <RolloutPanel />
      <Matching />
      <Flags />
      <Log />
    </>
  );
}
