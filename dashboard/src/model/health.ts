// How well things are, by the rules of the system that this one replaces, on errors that are really counted.

/** What a service has done lately; what cannot be told is `null`. */
export interface Doing {
  readonly name: string;
  /** What it is, for people. */
  readonly says: string;
  /** In percent of what it was to do. */
  readonly errors: number | null;
  /** How long it takes, as a rule, in milliseconds. */
  readonly takes: number | null;
  /** It does nothing at all, and why: whatever the numbers say. */
  readonly down?: string;
}

export type Level = "healthy" | "degraded" | "critical";

export interface Score {
  readonly name: string;
  readonly says: string;
  /** 0 to 100. */
  readonly score: number;
  readonly level: Level;
  /** What it lost points for. */
  readonly why: readonly string[];
}

export interface Health {
  /** The mean of all scores; 100 when there are none. */
  readonly score: number;
  readonly level: Level;
  readonly services: readonly Score[];
}

export function score({ name, says, errors, takes, down }: Doing): Score {
  if (down !== undefined) return { name, says, score: 0, level: "critical", why: [down] };
  const why: string[] = [];
  let [points, level]: [number, Level] = [100, "healthy"];
  const lose = (lost: number, becomes: Level, reason: string) => {
    points -= lost;
    why.push(reason);
    if (level !== "critical" && becomes !== "healthy") level = becomes;
  };
  if (errors !== null && errors > 5) lose(40, "critical", "more than 5 % errors");
  else if (errors !== null && errors > 1) lose(20, "degraded", "more than 1 % errors");
  if (takes !== null && takes > 500) lose(30, "degraded", "slower than 500 ms");
  else if (takes !== null && takes > 200) lose(10, "healthy", "slower than 200 ms");
  return { name, says, score: points, level, why };
}

export function health(doings: readonly Doing[]): Health {
  const services = doings.map(score);
  const sum = services.reduce((total, it) => total + it.score, 0);
  const mean = services.length === 0 ? 100 : sum / services.length;
  const isCritical = services.some((it) => it.level === "critical");
  const level: Level = isCritical || mean < 70 ? "critical" : mean < 90 ? "degraded" : "healthy";
  return { score: Math.round(mean), level, services };
}
