import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dump, Verdict } from '../audit/audit.ts';

/** Writes everything that the audit read and found, so that a failure can be examined later. */
export function keepEvidence(folder: string, verdicts: readonly Verdict[], dump: Dump): string {
  const file = join(folder, 'evidence.json');
  writeFileSync(file, JSON.stringify({ verdicts, dump }, plain, 1));
  return file;
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Set ? [...(value as Set<unknown>)] : value;
}
