import type { Assignment } from '../broker.ts';
import { assignPartitions } from '../group/assignor.ts';

export interface MemberState {
  readonly id: string;
  readonly topics: readonly string[];
  readonly sessionMs: number;
  /** Silent for longer than its session, by the database's clock. */
  readonly expired: boolean;
  /** It has joined, and waits for the others. */
  readonly waiting: boolean;
  readonly assigned: readonly Assignment[];
}

export interface GroupState {
  readonly version: bigint;
  readonly generation: bigint;
  readonly members: readonly MemberState[];
  /** The number of partitions of each topic of a member; a topic that does not exist is absent. */
  readonly partitions: ReadonlyMap<string, number>;
}

export type NewMember = Pick<MemberState, 'id' | 'topics' | 'sessionMs'>;

/** A change of the group, valid only for the version that it was decided on. */
export interface GroupChange {
  readonly removed: readonly string[];
  readonly members: readonly MemberState[];
  /** True: every member is there, so the next generation begins. False: the members have to join again. */
  readonly completes: boolean;
}

export type JoinStep =
  | { readonly kind: 'write'; readonly change: GroupChange }
  | { readonly kind: 'wait' }
  | { readonly kind: 'joined'; readonly assigned: readonly Assignment[] }
  /** The group removed this member while it waited. */
  | { readonly kind: 'removed' };

/** Decides how a member begins to join: it is written as waiting, and the round ends if all others wait. */
export function announce(state: GroupState, me: NewMember): GroupChange {
  return changeOf(state, { ...me, expired: false, waiting: true, assigned: [] });
}

/** Decides the next step of a member that waits. */
export function nextStep(state: GroupState, memberId: string): JoinStep {
  const me = state.members.find(({ id }) => id === memberId);
  if (me === undefined) return { kind: 'removed' };
  if (!me.waiting) return { kind: 'joined', assigned: me.assigned };
  const change = changeOf(state, { ...me, expired: false });
  return change.completes ? { kind: 'write', change } : { kind: 'wait' };
}

function changeOf(state: GroupState, me: MemberState): GroupChange {
  const others = state.members.filter(({ id }) => id !== me.id);
  const removed = others.filter(({ expired }) => expired).map(({ id }) => id);
  const alive = others.filter(({ expired }) => !expired);
  if (alive.some(({ waiting }) => !waiting)) return { removed, members: [me], completes: false };
  const all = [...alive, me];
  const shares = assignPartitions(all, (topic) => state.partitions.get(topic) ?? 0);
  const members = all.map((member) => ({ ...member, waiting: false, assigned: shares.get(member.id) ?? [] }));
  return { removed, members, completes: true };
}
