// Which proxies have yet to accept something. Those that have just gone count as well: a proxy whose stream broke is alive
// with what it had, and back in a moment.

export interface Attendant {
  readonly name: string;
  /** Has accepted all that it was sent. */
  readonly accepted: boolean;
}

export interface Attendance {
  /** The proxies that have yet to accept, at `now` in milliseconds. */
  missing(present: readonly Attendant[], now: number): readonly string[];
  /** Something new is to be accepted by everybody. */
  restart(): void;
}

/** `absence`: for how long a proxy that has gone is waited for, in milliseconds. */
export function attendance(absence: number): Attendance {
  const lastSeen = new Map<string, number>();
  let accepted = new Set<string>();
  return {
    missing(present, now) {
      for (const { name } of present) lastSeen.set(name, now);
      const behind = new Set(present.filter((each) => !each.accepted).map(({ name }) => name));
      for (const { name } of present) if (!behind.has(name)) accepted.add(name);
      for (const [name, time] of lastSeen) if (now - time >= absence) lastSeen.delete(name);
      const here = new Set(present.map(({ name }) => name));
      const gone = [...lastSeen.keys()].filter((name) => !here.has(name) && !accepted.has(name));
      return [...behind, ...gone];
    },
    restart() {
      accepted = new Set();
    },
  };
}
