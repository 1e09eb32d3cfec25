import type { AuditRow, Subject } from '../audit/audit-sql.ts';

/** What a story is about, as far as operators act on it. */
export interface Scope {
  /** The things of the story itself: every act on them belongs to it. */
  readonly own: readonly Subject[];
  /** Things that the story shares with others: acts on them belong to it while it lasts. */
  readonly shared: readonly Subject[];
  /** The partitions of its events, as `topic/0`; acts on a consumer elsewhere do not belong to it. */
  readonly places: ReadonlySet<string>;
  readonly from: number;
  /** Infinity while something is open. */
  readonly until: number;
}

const PAUSES: ReadonlySet<string> = new Set(['consumers pause', 'saga pause']);

/**
 * Selects the acts that belong to a story (pure): all on its own things; on shared ones those that happened while it lasted, and the
 * last pause before it, which may have held it up. Acts are in the order of their time.
 */
export function actsIn<Act extends AuditRow>(scope: Scope, acts: readonly Act[]): readonly Act[] {
  const own = new Set(scope.own.map(nameOf));
  const lasts = new Map<string, Act>();
  const inTime: Act[] = [];
  for (const act of acts) {
    const name = nameOf({ kind: act.subjectKind, id: act.subject });
    const time = Date.parse(act.at);
    if (own.has(name)) inTime.push(act);
    else if (!isHere(act, scope.places) || time > scope.until) continue;
    else if (time >= scope.from) inTime.push(act);
    else lasts.set(`${name} ${placeOf(act)}`, act);
  }
  return [...[...lasts.values()].filter(({ act }) => PAUSES.has(act)), ...inTime];
}

function nameOf({ kind, id }: Subject): string {
  return `${kind} ${id}`;
}

function isHere(act: AuditRow, places: Scope['places']): boolean {
  return act.subjectKind !== 'consumer' || act.before['partition'] === undefined || places.has(placeOf(act));
}

function placeOf({ before: { topic, partition } }: AuditRow): string {
  return `${String(topic)}/${String(partition)}`;
}
