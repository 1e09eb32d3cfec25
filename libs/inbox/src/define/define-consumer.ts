import { type EventDefinition, failureTopic, boundText } from '@convergekit/contracts';
import { InboxError } from '../errors.ts';
import { type ConsumerPart, subscriptionsOf } from './part.ts';
import { batchSubscription, eachSubscription, failureSubscription } from './subscribe.ts';
import type { Subscription } from './subscription.ts';
import type {
  BatchHandler,
  FailureHandler,
  FailureOptions,
  From,
  Handler,
  EventOptions,
  OnGap,
  UnknownTypes,
  Start,
} from './types.ts';

/** A consumer as a value: each method gives a new one. Connections come when a service runs it. */
export interface ConsumerDefinition<DB> {
  /** Its group in Kafka, and the name of its failure topic's owner. */
  readonly name: string;
  readonly from: From;
  readonly onGap: OnGap;
  readonly unknownTypes: UnknownTypes;
  readonly onDead: OnDead;
  /** Source name → uuid of those whose positions count; undefined: whoever is first seen under a name. */
  readonly sources: TrustedSources | undefined;
  /** Failing consumer → uuid of the source of its failure events, where declared. */
  readonly failureSources: TrustedSources;
  readonly subscriptions: readonly Subscription<DB>[];
  /** What it takes part in; their subscriptions are the first of those above. */
  readonly parts: readonly ConsumerPart<DB>[];
  /** The topics of its events, each once, in the order of subscription. */
  readonly topics: readonly string[];
  /** Types that are passed, though they are not handled: never unknown, and withdrawn where they were registered. */
  readonly ignored: readonly { readonly topic: string; readonly type: string }[];
  /** Where its dead letters are told: `<name>.failures`. */
  readonly failureTopic: string;

  on<Data>(event: EventDefinition<string, Data>, handler: Handler<DB, Data>): ConsumerDefinition<DB>;
  on<Data>(
    event: EventDefinition<string, Data>,
    options: EventOptions,
    handler: Handler<DB, Data>,
  ): ConsumerDefinition<DB>;

  /**
   * All events of one type in a slice in one call, for one multi-row statement. Order per key holds towards other
   * handlers too: an event of a key in the batch makes the batch run first.
   */
  onBatch<Data>(
    event: EventDefinition<string, Data>,
    handler: BatchHandler<DB, Data>,
  ): ConsumerDefinition<DB>;
  onBatch<Data>(
    event: EventDefinition<string, Data>,
    options: EventOptions,
    handler: BatchHandler<DB, Data>,
  ): ConsumerDefinition<DB>;

  /** Compensates: called when the consumer `of` gave up on such an event. */
  onFailure<Data>(
    event: EventDefinition<string, Data>,
    options: FailureOptions,
    handler: FailureHandler<DB, Data>,
  ): ConsumerDefinition<DB>;

  /** Takes part in something of the kit, such as a step of a saga. */
  include(part: ConsumerPart<DB>): ConsumerDefinition<DB>;

  /** Passes events of this type: what a type that is not handled any more needs, since it is registered. */
  ignore(event: Pick<EventDefinition<string, never>, 'topic' | 'type'>): ConsumerDefinition<DB>;
}

/** `hold`: the key waits behind its dead letter until an operator acts; `skip`: it goes on without that event. */
export type OnDead = 'hold' | 'skip';

export interface DefineConsumerOptions {
  readonly name: string;
  readonly from: From;
  /**
   * What becomes of a partition where an event is missing: `halt` = it stands still until an operator decides;
   * `continue` = it goes on without, and the gap is kept in converge.inbox_gap. @default 'halt'
   */
  readonly onGap?: OnGap;
  /**
   * What becomes of an event whose type has no handler here: `skip` = it is counted and passed; `refuse` = it becomes a
   * dead letter. One that a newer version of this consumer handles is neither: its partition waits. @default 'skip'
   */
  readonly unknownTypes?: UnknownTypes;
  /** What becomes of a key when one of its events is given up. @default 'hold' */
  readonly onDead?: OnDead;
  /**
   * The sources that it trusts, name → uuid (`converge source show`). Positions of others do not count, and their events are
   * foreign: each is deduplicated by a row of its own. @default whoever is first seen under a name
   */
  readonly sources?: TrustedSources;
  /**
   * The source (uuid) of each consumer whose failure events it subscribes to. What another source sends there is not acted on.
   * @default the source that is first seen in the failure topic
   */
  readonly failureSources?: TrustedSources;
}

/** Defines a consumer without any handler yet. A bad one throws CONSUMER_INVALID here, at import. */
export function defineConsumer<DB>(options: DefineConsumerOptions): ConsumerDefinition<DB> {
  const { name, from, onGap = 'halt', unknownTypes = 'skip', onDead = 'hold' } = options;
  const sources = options.sources && trustedSources(name, options.sources);
  const failureSources = trustedSources(name, options.failureSources ?? {});
  return consumer<DB>(
    { name, from: Object.freeze(from), onGap, unknownTypes, onDead, sources, failureSources },
    { own: [], ignored: [], parts: [] },
  );
}

/** Where the consumer begins with a topic; undefined when it declares starts per topic and forgot this one. */
export function startOf(from: From, topic: string): Start | undefined {
  return typeof from === 'string' ? from : (from[topic] ?? from['*']);
}

/** True when the consumer names this very topic: what a topic added later needs. */
export function declaresStart(from: From, topic: string): boolean {
  return typeof from !== 'string' && Object.hasOwn(from, topic);
}

/** What a consumer was given until now. */
interface Given<DB> {
  readonly own: readonly Subscription<DB>[];
  readonly ignored: ConsumerDefinition<DB>['ignored'];
  readonly parts: readonly ConsumerPart<DB>[];
}

type Options = Pick<
  ConsumerDefinition<never>,
  'name' | 'from' | 'onGap' | 'unknownTypes' | 'onDead' | 'sources' | 'failureSources'
>;

function consumer<DB>(options: Options, given: Given<DB>): ConsumerDefinition<DB> {
  const { name } = options;
  const { own, ignored, parts } = given;
  // Parts first: what belongs to a saga is not for a handler that takes every failure of its event.
  const subscriptions = [...subscriptionsOf(parts, { consumer: name }), ...own];
  for (const [at, subscription] of subscriptions.entries()) {
    refuseTwice(name, subscriptions.slice(0, at), subscription);
    refuseIgnored(name, ignored, subscription);
  }
  const add = (subscription: Subscription<DB>): ConsumerDefinition<DB> =>
    consumer(options, { ...given, own: [...own, subscription] });
  return Object.freeze({
    ...options,
    subscriptions: Object.freeze(subscriptions),
    parts: Object.freeze([...parts]),
    include: (part: ConsumerPart<DB>) => consumer(options, { ...given, parts: [...parts, part] }),
    topics: Object.freeze([...new Set(subscriptions.map(({ topic }) => topic))]),
    failureTopic: failureTopic(name),
    ignored: Object.freeze([...ignored]),
    ignore: ({ topic, type }: Pick<EventDefinition<string, never>, 'topic' | 'type'>) =>
      consumer(options, { ...given, ignored: [...ignored, { topic, type }] }),
    on: <Data>(event: EventDefinition<string, Data>, ...rest: OptionsAndHandler<Handler<DB, Data>>) =>
      add(eachSubscription(event, ...optionsFirst(rest))),
    onBatch: <Data>(
      event: EventDefinition<string, Data>,
      ...rest: OptionsAndHandler<BatchHandler<DB, Data>>
    ) => add(batchSubscription(event, ...optionsFirst(rest))),
    onFailure: <Data>(
      event: EventDefinition<string, Data>,
      options: FailureOptions,
      handler: FailureHandler<DB, Data>,
    ) => add(failureSubscription(event, options, handler)),
  });
}

function refuseIgnored<DB>(
  name: string,
  ignored: ConsumerDefinition<DB>['ignored'],
  { topic, type }: Subscription<DB>,
): void {
  if (!ignored.some((one) => one.topic === topic && one.type === type)) return;
  throw new InboxError(
    'CONSUMER_INVALID',
    `consumer ${name} both handles and ignores ${type} on ${topic}: keep one of the two`,
  );
}

type OptionsAndHandler<H> = [handler: H] | [options: EventOptions, handler: H];

function optionsFirst<H>(rest: OptionsAndHandler<H>): [EventOptions, H] {
  return rest.length === 1 ? [{}, rest[0]] : rest;
}

function refuseTwice<DB>(name: string, known: readonly Subscription<DB>[], added: Subscription<DB>): void {
  const same = known.some(
    ({ topic, type, failedType }) =>
      topic === added.topic && type === added.type && failedType === added.failedType,
  );
  const what = added.failedType === undefined ? added.type : `failures of ${added.failedType}`;
  if (same)
    throw new InboxError(
      'CONSUMER_INVALID',
      `consumer ${name} subscribes twice to ${what} on ${added.topic}: an event has one handler per consumer; call both from one, or define a second consumer`,
    );
  if (known.some(({ handler }) => handler === added.handler))
    throw new InboxError(
      'CONSUMER_INVALID',
      `consumer ${name} has two handlers named ${added.handler}: their emitted events would share ids; give one another name in its options`,
    );
}

/** Source name → uuid. */
export type TrustedSources = Readonly<Record<string, string>>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** As records have them. A name or an id that no source can have throws CONSUMER_INVALID. */
export function trustedSources(consumer: string, sources: TrustedSources): TrustedSources {
  const entries = Object.entries(sources).map(([name, id]) => [name, id.toLowerCase()] as const);
  for (const [name, id] of entries)
    if (name === '' || boundText(name) !== name || !UUID.test(id))
      throw new InboxError(
        'CONSUMER_INVALID',
        `consumer ${consumer} lists the source ${name} as ${id}, which is no name and uuid of a source: \`converge source show\` prints both`,
      );
  return Object.freeze(Object.fromEntries(entries));
}

/**
 * The name by which a handler's policy is asked for: `consumer.mail.order.placed`. A failure handler is called
 * `failure:payments:order.placed`, and policies `consumer.mail.failure.payments.order.placed`, since their names have no colons.
 */
export function policyName(consumer: string, handler: string): string {
  return `consumer.${consumer}.${handler.replaceAll(':', '.')}`;
}
