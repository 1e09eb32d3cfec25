import type { Mode } from '../definition.ts';
import { mayRepair, type Modes } from '../verdict/modes.ts';

export interface DeclarationFault {
  readonly field: string;
  readonly value: unknown;
  readonly fix: string;
}

const MODES: readonly Mode[] = ['observe', 'warn', 'repair'];

interface Declaration extends Modes {
  readonly actual: { readonly version?: unknown };
  readonly owns?: readonly string[];
  readonly ignore: readonly string[];
  readonly unguarded: boolean;
}

/** Finds what prevents safe repairs in a declaration; undefined = nothing. Pure. */
export function faultOfRepairs(reconciler: Declaration): DeclarationFault | undefined {
  const { mode, modes, owns, ignore, unguarded } = reconciler;
  const { version } = reconciler.actual;
  const named = [
    ['mode', mode] as const,
    ...Object.entries(modes).map(([field, one]) => [`modes.${field}`, one] as const),
  ];
  const wrong = named.find(([, one]) => !MODES.includes(one));
  if (wrong !== undefined)
    return { field: wrong[0], value: wrong[1], fix: `give one of ${MODES.join(', ')}` };
  if (!mayRepair(reconciler)) return undefined;
  if (version === undefined && !unguarded)
    return {
      field: 'actual.version',
      value: version,
      fix: 'without it a repair overwrites a concurrent write: name the field of the version, or declare `unguarded: true`',
    };
  if (typeof version === 'string' && ignore.includes(version))
    return { field: 'ignore', value: ignore, fix: `${version} is the version: remove it` };
  const both = owns?.find((field) => ignore.includes(field));
  if (both !== undefined)
    return { field: 'owns', value: owns, fix: `${both} is ignored, too: remove it from one of both` };
  return undefined;
}
