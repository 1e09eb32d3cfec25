import { fieldsOf } from '@convergekit/core/engine';
import type { Verdict } from './verdict.ts';
import { KAFKA_ERRORS, type KafkaAnswer } from './kafka-errors.ts';

type Entry = Omit<Verdict, 'code'>;

const ANSWERS: Readonly<Record<KafkaAnswer, Entry>> = {
  retry: { category: 'network', certainty: 'not_applied' },
  uncertain: { category: 'network', certainty: 'unknown' },
  throttle: { category: 'throttle', certainty: 'not_applied' },
  contention: { category: 'contention', certainty: 'not_applied' },
  producer: { category: 'service', certainty: 'not_applied' },
  setting: { category: 'configuration', certainty: 'not_applied', structural: true },
  data: { category: 'data', certainty: 'not_applied' },
  bug: { category: 'bug', certainty: 'not_applied', structural: true },
};

/** Errors raised by the client itself, without a broker's response. Names of kafkajs 2 and @platformatic/kafka 2. */
const CLIENT: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['KafkaJSConnectionError', ANSWERS.uncertain],
  ['KafkaJSConnectionClosedError', ANSWERS.uncertain],
  ['KafkaJSRequestTimeoutError', ANSWERS.uncertain],
  ['KafkaJSBrokerNotFound', ANSWERS.retry],
  ['KafkaJSMetadataNotLoaded', ANSWERS.retry],
  ['KafkaJSTopicMetadataNotLoaded', ANSWERS.setting],
  ['KafkaJSPartialMessageError', ANSWERS.uncertain],
  ['KafkaJSGroupCoordinatorNotFound', ANSWERS.retry],
  ['KafkaJSLockTimeout', { category: 'contention', certainty: 'not_applied' }],
  ['KafkaJSSASLAuthenticationError', ANSWERS.setting],
  ['KafkaJSUnsupportedMagicByteInMessageSet', ANSWERS.data],
  ['KafkaJSCreateTopicError', ANSWERS.setting],
]);
const PLATFORMATIC: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['PLT_KFK_NETWORK', ANSWERS.uncertain],
  ['PLT_KFK_TIMEOUT', ANSWERS.uncertain],
  ['PLT_KFK_AUTHENTICATION', ANSWERS.setting],
  ['PLT_KFK_UNSUPPORTED_API', ANSWERS.setting],
  ['PLT_KFK_UNSUPPORTED', ANSWERS.setting],
]);

const BY_NUMBER: ReadonlyMap<number, string> = new Map(
  [...KAFKA_ERRORS].map(([name, [number]]) => [number, name] as const).toReversed(),
);

export function kafkaRule(error: unknown): Verdict | undefined {
  const { name, code } = fieldsOf(error);
  const known = protocolError(error);
  if (known !== undefined) return protocol(known);
  const clientCode = typeof code === 'string' ? PLATFORMATIC.get(code) : undefined;
  if (clientCode !== undefined) return { ...clientCode, code: String(code) };
  const entry = typeof name === 'string' ? CLIENT.get(name) : undefined;
  return entry === undefined ? undefined : { ...entry, code: String(name) };
}

/** Reads a protocol error: kafkajs sets `type` and `code`, platformatic `apiId` and `apiCode`. Name and number must match. */
function protocolError(error: unknown): string | undefined {
  const { name, type, code, apiId, apiCode } = fieldsOf(error);
  const kafkajs = typeof name === 'string' && name.startsWith('KafkaJS');
  const number = typeof apiCode === 'number' ? apiCode : kafkajs ? code : undefined;
  if (typeof number !== 'number') return undefined;
  const given = typeof apiId === 'string' ? apiId : type;
  return typeof given === 'string' && KAFKA_ERRORS.has(given) ? given : BY_NUMBER.get(number);
}

function protocol(name: string): Verdict | undefined {
  const answer = KAFKA_ERRORS.get(name)?.[1];
  return answer === undefined ? undefined : { ...ANSWERS[answer], code: `KAFKA_${name}` };
}
