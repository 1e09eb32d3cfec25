import { ConvergeError } from '@convergekit/core';
import type { Refusal, RefusalCode } from './judge.ts';

/** Refuses a relay the lead: the log and the database do not belong together. Nothing was written. */
export class LogCheckError extends ConvergeError {
  declare readonly code: RefusalCode;
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly [Refusal, ...Refusal[]]) {
    const [first] = refusals;
    const more = refusals.length > 1 ? ` (and ${refusals.length - 1} more findings like it)` : '';
    super(`${first.code}: ${refusalText(first)}${more}. Nothing was published. ${waysOn(first)}`, {
      code: first.code,
      category: 'data',
      certainty: 'not_applied',
    });
    this.refusals = refusals;
  }
}

export function refusalText({ topic, partition, offset, position, detail }: Refusal): string {
  if (topic === undefined) return detail;
  const at = position === undefined ? '' : `, position ${position}`;
  return `${topic}/${partition} at offset ${offset}${at}: ${detail}`;
}

function waysOn({ code, topic, partition, offset }: Refusal): string {
  const rebase = '`converge source rebase` begins a new epoch here (look first: `--dry-run`)';
  // Any producer of the topic can write such a record: then a rebase would fork a healthy source, and the record must
  // be disowned.
  const disown =
    topic === undefined
      ? ''
      : ` If it was not, another writer of the topic forged that record: \`converge source disown ${topic} ${partition} ${offset} --reason TEXT\` passes over it, and nothing is lost`;
  switch (code) {
    case 'database_went_back':
      return `If it was restored, failed over or copied: restore it to its latest point if that can be done; else stop every other copy, and ${rebase}.${disown}`;
    case 'database_moved':
      return `Stop the database that it was copied from, and ${rebase}`;
    case 'log_behind_cursor':
      return `Restore the topic if that can be done; else ${rebase}: what the log lost is sent again as far as the outbox has it`;
  }
}
