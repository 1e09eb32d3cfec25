import { type EventDefinition, failureTopic } from '@convergekit/contracts';
import { boundText } from '@convergekit/contracts/engine';
import { isUuid } from '@convergekit/core/engine';
import { InboxError } from '../errors.ts';
import type { ConsumerRef, HandledBy } from './consumer-ref.ts';
import { batchSubscription, eachSubscription, failureSubscription } from './subscribe.ts';
import type { NamedCall, RequestableAll, RequestableCall } from './request-call.ts';
import type { ConsumerPart, Subscription } from './subscription.ts';
import type {
  BatchHandler,
  FailureHandler,
  FailureOptions,
  From,
  Handler,
  EventOptions,
  OnGap,
  Start,
} from './types.ts';

/**
 * A consumer as an immutable value: each method returns a new one. A service connects and runs it.
 * `Handled`: the types of the events that it handles. `Calls`: the names of the calls that its handlers may request.
 */
export interface ConsumerDefinition<
  DB,
  Handled extends string = string,
  Calls extends string = never,
> extends Settings {
  /** The handlers of the consumer, one for each event and kind, in the order of their declaration. */
  readonly subscriptions: readonly Subscription<DB>[];
  /** The calls that its handlers may request. */
  readonly requestable: readonly RequestableCall<DB>[];
  /** The included parts; their subscriptions come first in `subscriptions`. */
  readonly parts: readonly ConsumerPart<DB>[];
  /** The topics of the consumer's events, each once, in the order of subscription. */
  readonly topics: readonly string[];
  /** The types of the events that it handles and may give up, each once. */
  readonly handles: readonly Handled[];
  /** Types that are skipped on purpose: never unknown, and unregistered where they were registered. */
  readonly ignored: readonly { readonly topic: string; readonly type: string }[];
  /** The topic of the consumer's failure events: `<name>.failures`. */
  readonly failureTopic: string;

  /**
   * Declares calls that the handlers added after it may request by `context.call`; the worker of the service makes them.
   * @param calls results of `defineCall(…).onOutcome(…)`
   */
  calls<const Given extends readonly NamedCall[]>(
    ...calls: RequestableAll<DB, Given>
  ): ConsumerDefinition<DB, Handled, Calls | Given[number]['name']>;

  /** Handles each event of one type, alone, in the order of its key. */
  on<Type extends string, Data>(
    event: EventDefinition<Type, Data>,
    handler: Handler<DB, Data, Calls>,
  ): ConsumerDefinition<DB, Handled | Type, Calls>;
  on<Type extends string, Data>(
    event: EventDefinition<Type, Data>,
    options: EventOptions,
    handler: Handler<DB, Data, Calls>,
  ): ConsumerDefinition<DB, Handled | Type, Calls>;

  /**
   * Handles all events of one type in a slice in one call, for one multi-row statement. Order per key also holds towards
   * other handlers: an event with a key of the batch makes the batch run first.
   */
  onBatch<Type extends string, Data>(
    event: EventDefinition<Type, Data>,
    handler: BatchHandler<DB, Data, Calls>,
  ): ConsumerDefinition<DB, Handled | Type, Calls>;
  onBatch<Type extends string, Data>(
    event: EventDefinition<Type, Data>,
    options: EventOptions,
    handler: BatchHandler<DB, Data, Calls>,
  ): ConsumerDefinition<DB, Handled | Type, Calls>;

  /**
   * Compensates: the handler is called when the consumer `of` gave up such an event, by its failure topic. `of` is the
   * consumer itself, or `consumerRef(name)` for one of another service.
   */
  onFailure<Of extends string, Type extends string, Data>(
    of: ConsumerRef<Of>,
    event: EventDefinition<Type, Data> & HandledBy<Type, Of>,
    handler: FailureHandler<DB, Data, Calls>,
  ): ConsumerDefinition<DB, Handled, Calls>;
  onFailure<Of extends string, Type extends string, Data>(
    of: ConsumerRef<Of>,
    event: EventDefinition<Type, Data> & HandledBy<Type, Of>,
    options: FailureOptions,
    handler: FailureHandler<DB, Data, Calls>,
  ): ConsumerDefinition<DB, Handled, Calls>;

  /** Includes a part of the kit, such as a step of a saga. */
  include<Type extends string>(part: ConsumerPart<DB, Type>): ConsumerDefinition<DB, Handled | Type, Calls>;

  /** Skips events of this type. A type that is no longer handled needs this, since it stays registered. */
  ignore(
    event: Pick<EventDefinition<string, never>, 'topic' | 'type'>,
  ): ConsumerDefinition<DB, Handled, Calls>;
}

/** `hold`: the key waits behind its dead letter until an operator acts; `skip`: it continues without that event. */
export type OnDead = 'hold' | 'skip';

export interface DefineConsumerOptions {
  /** The start in topics that it has never read. @default 'first' */
  readonly from?: From;
  /**
   * The reaction of a partition to a missing event: `halt` = the partition stops until an operator decides; `continue` =
   * it continues without the event, and the gap is recorded in converge.inbox_gap. @default 'halt'
   */
  readonly onGap?: OnGap;
  /** The treatment of a key when one of its events is given up. @default 'hold' */
  readonly onDead?: OnDead;
  /**
   * The trusted sources, name → uuid (`converge source show`). Positions of others do not count, and their events are
   * foreign: each is deduplicated by a row of its own. @default the first uuid seen under each name
   */
  readonly sources?: TrustedSources;
  /**
   * The source (uuid) of each consumer whose failure events it subscribes to. Failure events of another source are refused.
   * @default where signatures are on, the source that signs for it (`signatures.failures`); else the first one seen
   */
  readonly failureSources?: TrustedSources;
}

type Settings = Required<Omit<DefineConsumerOptions, 'sources'>> & {
  /** The name, by which its positions and dead letters are stored. Another name begins anew. */
  readonly name: string;
  /** The trusted sources, name → uuid; undefined: the first uuid seen under each name. */
  readonly sources: TrustedSources | undefined;
};

/**
 * Defines a consumer without handlers. Invalid options throw CONSUMER_INVALID here, at import.
 * @param name the name of the consumer, of its Kafka group and of its failure topic
 * @example
 * ```ts
 * import { BusinessRejection, defineConsumer } from 'convergekit';
 * import { orderPlaced, type ShopDb } from './shop.ts';
 *
 * export const orders = defineConsumer<ShopDb>('orders', { from: 'first' }).on(
 *   orderPlaced,
 *   async ({ data }, { tx }) => {
 *     if (data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
 *     await tx.insertInto('orders').values({ ...data, state: 'placed' }).execute();
 *   },
 * );
 * ```
 */
export function defineConsumer<DB>(
  name: string,
  options: DefineConsumerOptions = {},
): ConsumerDefinition<DB, never> {
  const { from = 'first', onGap = 'halt', onDead = 'hold' } = options;
  for (const start of typeof from === 'string' ? [from] : Object.values(from))
    requireOneOf(name, 'from', start, ['first', 'earliest', 'latest']);
  requireOneOf(name, 'onGap', onGap, ['halt', 'continue']);
  requireOneOf(name, 'onDead', onDead, ['hold', 'skip']);
  const sources = options.sources && trustedSources(name, options.sources);
  const failureSources = trustedSources(name, options.failureSources ?? {});
  return consumer<DB, never, never>(
    { name, from: Object.freeze(from), onGap, onDead, sources, failureSources },
    { own: [], ignored: [], parts: [], requestable: [] },
  );
}

/** Refuses a word that no type check has seen: Kafka's own `latest`, for one, would read the whole log. */
function requireOneOf<Word extends string>(
  consumer: string,
  option: string,
  given: Word,
  known: readonly Word[],
): void {
  if (known.includes(given)) return;
  throw new InboxError(
    'CONSUMER_INVALID',
    `consumer ${consumer}: ${option} is ${JSON.stringify(given)}, but must be one of ${known.join(', ')}`,
  );
}

/** The start of a topic; undefined when starts are declared per topic and this one is missing. */
export function startOf(from: From, topic: string): Start | undefined {
  return typeof from === 'string' ? from : (from[topic] ?? from['*']);
}

/** True when the consumer names this topic itself, which a topic that is added later needs. */
export function declaresStart(from: From, topic: string): boolean {
  return typeof from !== 'string' && Object.hasOwn(from, topic);
}

/** The settings that the methods of a consumer have added so far. */
interface Given<DB> {
  readonly own: readonly Subscription<DB>[];
  readonly ignored: ConsumerDefinition<DB>['ignored'];
  readonly parts: readonly ConsumerPart<DB>[];
  readonly requestable: readonly RequestableCall<DB>[];
}

function consumer<DB, Handled extends string, Calls extends string>(
  options: Settings,
  given: Given<DB>,
): ConsumerDefinition<DB, Handled, Calls> {
  const { name } = options;
  const { own, ignored, parts, requestable } = given;
  // The parts come first: an event of a saga must not reach a handler that takes every failure of its type.
  const subscriptions = [...(parts[0]?.subscribe(parts, name) ?? []), ...own];
  for (const [at, subscription] of subscriptions.entries()) {
    rejectDuplicate(name, subscriptions.slice(0, at), subscription);
    rejectIgnored(name, ignored, subscription);
  }
  const add = <Type extends string>(subscription: Subscription<DB>) =>
    consumer<DB, Handled | Type, Calls>(options, { ...given, own: [...own, subscription] });
  const handles = [
    ...parts.flatMap((part) => part.handles),
    ...own.flatMap(({ kind, type }) => (kind === 'failure' ? [] : [type])),
  ];
  return Object.freeze({
    ...options,
    subscriptions: Object.freeze(subscriptions),
    parts: Object.freeze([...parts]),
    include: <Type extends string>(part: ConsumerPart<DB, Type>) =>
      consumer<DB, Handled | Type, Calls>(options, { ...given, parts: [...parts, part] }),
    requestable: Object.freeze([...requestable]),
    calls: <const Added extends readonly NamedCall[]>(...calls: RequestableAll<DB, Added>) =>
      consumer<DB, Handled, Calls | Added[number]['name']>(options, {
        ...given,
        requestable: [...requestable, ...calls.map((call) => requestableCall<DB>(name, call))],
      }),
    topics: Object.freeze([...new Set(subscriptions.map(({ topic }) => topic))]),
    // `Handled` has the type of each method's event.
    handles: Object.freeze([...new Set(handles)]) as readonly Handled[],
    failureTopic: failureTopic(name),
    ignored: Object.freeze([...ignored]),
    ignore: ({ topic, type }: Pick<EventDefinition<string, never>, 'topic' | 'type'>) =>
      consumer<DB, Handled, Calls>(options, { ...given, ignored: [...ignored, { topic, type }] }),
    on: <Type extends string, Data>(
      event: EventDefinition<Type, Data>,
      ...rest: OptionsAndHandler<EventOptions, Handler<DB, Data, Calls>>
    ) => add<Type>(eachSubscription(event, ...optionsFirst(rest))),
    onBatch: <Type extends string, Data>(
      event: EventDefinition<Type, Data>,
      ...rest: OptionsAndHandler<EventOptions, BatchHandler<DB, Data, Calls>>
    ) => add<Type>(batchSubscription(event, ...optionsFirst(rest))),
    onFailure: <Data>(
      of: ConsumerRef,
      event: EventDefinition<string, Data>,
      ...rest: OptionsAndHandler<FailureOptions, FailureHandler<DB, Data, Calls>>
    ) => add<never>(failureSubscription(of, event, ...optionsFirst(rest))),
  });
}

/** Refuses a call without reactions to its outcome: JavaScript lets it through. */
function requestableCall<DB>(consumer: string, call: NamedCall): RequestableCall<DB> {
  if ('request' in call) return call as RequestableCall<DB>;
  throw new InboxError(
    'CONSUMER_INVALID',
    `consumer ${consumer} declares ${call.name}, a call without reactions to its outcome: give \`.calls\` the result of its .onOutcome({ succeeded, failed })`,
  );
}

function rejectIgnored<DB>(
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

type OptionsAndHandler<Options, H> = [handler: H] | [options: Options, handler: H];

function optionsFirst<H>(
  rest: OptionsAndHandler<EventOptions & FailureOptions, H>,
): [EventOptions & FailureOptions, H] {
  return rest.length === 1 ? [{}, rest[0]] : rest;
}

function rejectDuplicate<DB>(
  name: string,
  known: readonly Subscription<DB>[],
  added: Subscription<DB>,
): void {
  const same = known.some(
    ({ topic, type, failedType }) =>
      topic === added.topic && type === added.type && failedType === added.failedType,
  );
  const what = added.failedType === undefined ? added.type : `failures of ${added.failedType}`;
  if (same)
    throw new InboxError(
      'CONSUMER_INVALID',
      `consumer ${name} subscribes twice to ${what} on ${added.topic}: an event has one handler per consumer; call both from one handler, or define a second consumer`,
    );
  if (known.some(({ handler }) => handler === added.handler))
    throw new InboxError(
      'CONSUMER_INVALID',
      `consumer ${name} has two handlers named ${added.handler}: their emitted events would share ids; give one of them another name in its options`,
    );
}

/** Source name → uuid. */
export type TrustedSources = Readonly<Record<string, string>>;

/** Normalizes trusted sources to the form in records. An impossible name or uuid throws CONSUMER_INVALID. */
export function trustedSources(consumer: string, sources: TrustedSources): TrustedSources {
  const entries = Object.entries(sources).map(([name, id]) => [name, id.toLowerCase()] as const);
  for (const [name, id] of entries)
    if (name === '' || boundText(name) !== name || !isUuid(id))
      throw new InboxError(
        'CONSUMER_INVALID',
        `consumer ${consumer} lists the source ${name} as ${id}, which is not a name and uuid of a source: \`converge source show\` prints both`,
      );
  return Object.freeze(Object.fromEntries(entries));
}

/**
 * The policy name of a handler: `consumer.mail.order.placed`. The failure handler `failure:payments:order.placed` has the
 * policy `consumer.mail.failure.payments.order.placed`, since policy names have no colons.
 */
export function policyName(consumer: string, handler: string): string {
  return `consumer.${consumer}.${handler.replaceAll(':', '.')}`;
}
