import type { EventDefinition } from '@convergekit/contracts';
import { checkPayload, WIRE } from '@convergekit/contracts/engine';
import { messageOf } from '@convergekit/core/engine';
import { headersJson, headersOf } from '../slice/record-text.ts';
import { InboxError } from '../errors.ts';

/** What a dead letter says about the event that may take its place. */
export interface Replaced {
  readonly type: string;
  readonly version: number;
  readonly key: string;
}

/** Checks a replacement's schema and key (pure). Throws REPLACEMENT_INVALID or REPLACEMENT_UNDECLARED. */
export function checkReplacement(
  events: readonly EventDefinition[],
  { type, version, key }: Replaced,
  payload: string,
): void {
  const named = events.filter((one) => one.type === type);
  const definition = named.find((one) => one.oldest <= version && version <= one.version);
  if (definition === undefined) {
    const versions = named.map((one) => `v${one.oldest} to v${one.version}`).join(', ');
    throw new InboxError(
      'REPLACEMENT_UNDECLARED',
      `${type} v${version} is not among the declared events${versions === '' ? '' : ` (there is ${versions})`}, so the new data cannot be checked: nothing was changed; name the module that exports its contract (--events, or CONVERGE__MODULES)`,
      { category: 'configuration' },
    );
  }
  const made = keyOfData(definition, payload, version);
  if (made === key) return;
  throw invalid(
    `this data makes it an event of key ${JSON.stringify(made)}, and the dead letter is of ${JSON.stringify(key)}, whose line it holds: correct the data; an event of another key is emitted by its service`,
  );
}

function keyOfData(definition: EventDefinition, payload: string, version: number): string {
  try {
    checkPayload(payload);
    return definition.keyOf(definition.parse(payload, version));
  } catch (cause) {
    const why = messageOf(cause);
    throw invalid(`the data is not that of ${definition.type} v${version}: ${why}`, cause);
  }
}

function invalid(message: string, cause?: unknown): InboxError {
  return new InboxError('REPLACEMENT_INVALID', `${message}. Nothing was changed`, {
    category: 'data',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Headers that say something about the record in the log, and would be untrue of an event that never was there. */
const OF_THE_RECORD: ReadonlySet<string> = new Set([WIRE.position, WIRE.prev, WIRE.signature]);
/** Headers of an event that begins or belongs to a saga: the journal of the step names the event itself. */
const OF_A_SAGA: ReadonlySet<string> = new Set([WIRE.saga, WIRE.sagaStart]);

/** False for a row without headers: those of one that waited behind too many others stay in the log, and others were erased. */
export function hasEnvelope(headers: string): boolean {
  return headersOf(headers).some(([name]) => name === WIRE.type);
}

export function isOfSaga(headers: string): boolean {
  return headersOf(headers).some(([name]) => OF_A_SAGA.has(name));
}

/** Returns the headers of the new event, from those of the dead letter, which is its cause (pure). Both as JSON. */
export function replacementHeaders(
  headers: string,
  { id, cause, time }: { readonly id: string; readonly cause: string; readonly time: Date },
): string {
  const own: readonly (readonly [string, string])[] = [
    [WIRE.id, id],
    [WIRE.causationId, cause],
    [WIRE.time, time.toISOString()],
  ];
  const names = new Set(own.map(([name]) => name));
  const kept = headersOf(headers).filter(([name]) => !OF_THE_RECORD.has(name) && !names.has(name));
  return headersJson([...kept, ...own.map(([name, value]): [string, Buffer] => [name, Buffer.from(value)])]);
}
