import { GIVE_UP_LIMIT } from '@convergekit/inbox/operate';
import type { ActName } from '@convergekit/postgres/operate';
import type { ActFacts, AuditRow } from './audit-sql.ts';

type Recorded = Pick<AuditRow, 'act' | 'subjectKind' | 'subject' | 'before' | 'after'>;

/** Describes an act in a story about its subject: what was done, and where. Pure. */
export function actText({ act, before, after }: Recorded): string {
  return texts[act](before, after);
}

/** Describes an act: the thing that it is about, with its place, and what was done. Pure. */
export function describeAct(act: Recorded): { readonly subject: string; readonly what: string } {
  return { subject: subjectText(act), what: actText(act) };
}

function subjectText({ subjectKind: kind, subject, before }: Recorded): string {
  const place = placeOf(before);
  switch (kind) {
    case 'event':
      return [before['consumer'], before['topic'], subject].filter(Boolean).join(' ');
    case 'consumer':
    case 'topic':
      return [subject, kind === 'consumer' ? place : partOf(before)].filter(Boolean).join(' ');
    case 'saga':
      return [before['saga'] === subject ? '' : before['saga'], subject, before['step']]
        .filter(Boolean)
        .join(' ');
    case 'reconciler':
      return [subject, before['key']].filter(Boolean).join(' ');
    case 'call':
    case 'workflow':
    case 'source':
    case 'policy':
      return subject;
  }
}

function placeOf({ topic, partition }: ActFacts): string {
  return topic === undefined ? '' : `${shown(topic)}/${shown(partition)}`;
}

function partOf({ partition, offset }: ActFacts): string {
  return partition === undefined ? '' : `partition ${shown(partition)} at ${shown(offset)}`;
}

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? `${value}` : JSON.stringify(value);
}

type Text = (before: ActFacts, after: ActFacts) => string;

const outcomeOf = ({ outcome }: ActFacts): string => (outcome === undefined ? '' : `: ${shown(outcome)}`);
const at = (before: ActFacts): string => ` ${placeOf(before)}`;
const haltOf = ({ halted }: ActFacts): string => (halted === undefined ? '' : `, halted by ${shown(halted)}`);
const passText = ({ halted }: ActFacts, pass: unknown): string =>
  halted === GIVE_UP_LIMIT
    ? ', counting the given-up events anew'
    : `, passing obstacles up to ${shown(pass)}`;

const texts: Readonly<Record<ActName, Text>> = {
  'parked retry': () => 'retried it',
  'parked skip': () => 'skipped it',
  'parked edit': () => 'edited its payload',
  'parked replace': (_, { event }) => `replaced it by event ${shown(event)}`,
  'outbox again': (_, { event }) => `emitted it again as ${shown(event)}`,
  'payload look': () => 'looked at its payload',
  'call retry': () => 'retried the call',
  'call resolve': (_, after) => `stated the outcome of the call${outcomeOf(after)}`,
  'saga retry': ({ step }) => `retried step ${shown(step)}`,
  'saga resolve': ({ step }, after) => `stated the outcome of step ${shown(step)}${outcomeOf(after)}`,
  'saga pause': () => 'paused the saga',
  'saga resume': (_, { work, rate }) =>
    `resumed the saga: ${shown(work)} held calls, at most ${shown(rate)} a second`,
  'workflow retry': ({ step }) => `retried step ${shown(step)}`,
  'workflow resolve': ({ step }) => `stated the outcome of step ${shown(step)}`,
  'workflow forget': ({ step }) => `accepted the effect of step ${shown(step)}`,
  'consumers pause': (before) => `paused${at(before)}${haltOf(before)}`,
  'consumers resume': (before, { offset, pass, rejected }) =>
    `resumed${at(before)}${haltOf(before)}, from offset ${shown(offset)}` +
    (pass === undefined ? '' : passText(before, pass)) +
    (rejected === undefined ? '' : `, rejecting the record at ${shown(rejected)} as forged`),
  'consumers replay': (before, { offset }) =>
    `set${at(before)}${haltOf(before)}, back from offset ${shown(before['offset'])} to ${shown(offset)}`,
  'consumers fill': (before, { events }) => `filled${at(before)} with ${shown(events)} missed events`,
  'consumers types drop': ({ type }) => `withdrew the type ${shown(type)}`,
  'reconcile pause': () => 'paused it',
  'reconcile resume': () => 'resumed it',
  'reconcile run': () => 'requested a run',
  'reconcile retry': ({ key }) => `retried key ${shown(key)}`,
  'reconcile approve': ({ held }, { repairs, keys, until }) =>
    `approved ${shown(repairs)} repairs${Array.isArray(keys) ? ` of ${keys.join(', ')}` : ''} until ${shown(until)}; held: ${shown(held)}`,
  'state look': ({ key }) =>
    key === undefined ? 'looked at states' : `looked at the states of key ${shown(key)}`,
  'topics accept': ({ partitions }, after) =>
    after['madeAgain'] === true
      ? 'accepted the recreated topic'
      : `accepted ${shown(after['partitions'])} partitions in place of ${shown(partitions)}`,
  'topics forget': ({ unsent }) => `let the relay forget the topic, with ${shown(unsent)} unsent events`,
  'source disown': ({ partition, offset }) =>
    `disowned the record of partition ${shown(partition)} at offset ${shown(offset)}`,
  'source rebase': (_, { epoch, phantoms }) =>
    `began epoch ${shown(epoch)} after a restore, with ${shown(phantoms)} phantom events`,
  'policy set': ({ change }, after) => `set ${shown(after['change'])} in place of ${shown(change ?? null)}`,
};
