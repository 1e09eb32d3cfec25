import type { Mode } from '../definition.ts';
import { hasFields, withoutFields } from './fields.ts';

/** A drift with the mode that applies to it. */
export interface JudgedDrift {
  readonly drift: unknown;
  readonly mode: Mode;
}

/** From the strongest to the weakest. */
export const MODES: readonly Mode[] = ['repair', 'warn', 'observe'];

/** The modes of a reconciler: `mode`, and those of single fields. */
export interface Modes {
  readonly mode: Mode;
  readonly modes: Readonly<Record<string, Mode>>;
}

interface Rules extends Modes {
  readonly ignore: readonly string[];
  compare(desired: unknown, actual: unknown): unknown;
}

/** Returns the mode of a field. Pure. */
export function modeOf({ mode, modes }: Modes, field: string): Mode {
  return modes[field] ?? mode;
}

/**
 * Compares two states and finds the mode of their drift; null = they agree. Pure.
 * Ignored fields are removed from both states first. With a mode per field the states are compared once per mode, from
 * `repair` down, without the fields of weaker modes: an observed field beside a repaired one does not prevent its repair.
 * A missing state and one without fields have the mode of the reconciler.
 */
export function judge(reconciler: Rules, desired: unknown, actual: unknown): JudgedDrift | null {
  const without = (drop: (field: string) => boolean): unknown =>
    reconciler.compare(withoutFields(desired, drop), withoutFields(actual, drop));
  const ignored = (field: string): boolean => reconciler.ignore.includes(field);
  const drift = without(ignored);
  if (drift === null) return null;
  const byField = Object.keys(reconciler.modes).length > 0 && desired !== null && actual !== null;
  if (!byField || !(hasFields(desired) || hasFields(actual))) return { drift, mode: reconciler.mode };
  for (const mode of MODES.slice(0, -1)) {
    const weaker = MODES.slice(MODES.indexOf(mode) + 1);
    const part = without((field) => ignored(field) || weaker.includes(modeOf(reconciler, field)));
    if (part !== null) return { drift: part, mode };
  }
  return { drift, mode: 'observe' };
}

/** Tests if any field may be repaired. Pure. */
export function mayRepair({ mode, modes }: Modes): boolean {
  return mode === 'repair' || Object.values(modes).includes('repair');
}
