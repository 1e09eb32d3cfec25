import type { ReceivedEvent } from '@convergekit/contracts';
import type { Executor } from '@convergekit/postgres';
import type { Transaction } from 'kysely';

/** A handler at work, as its request of a call names it. */
export interface Requester<DB> {
  /** The handler's transaction, in which the request is written. */
  readonly tx: Transaction<DB>;
  /** The name of the consumer. */
  readonly consumer: string;
  /** The name of the handler. */
  readonly handler: string;
  /** The event that requests the call. */
  readonly event: ReceivedEvent;
}

/** A call to another system that handlers may request: the result of `defineCall(…).onOutcome(…)`. */
export interface RequestableCall<DB, Input = never, Name extends string = string> {
  /** The name of the call. */
  readonly name: Name;
  /** Checks before the start of a consumer that a worker makes the call. Rejects to refuse the start. */
  check(consumer: string, executor: Executor): Promise<void>;
  /** Writes the request with the handler's transaction, and returns its id. */
  request(input: Input, by: Requester<DB>): Promise<string>;
}

/** Nothing, or the sentence that the compiler shows for a call which the consumer does not declare. */
type Declared<Name extends string, Calls extends string> = string extends Name
  ? unknown
  : Name extends Calls
    ? unknown
    : `'${Name}' is no call of this consumer: declare it above its handlers, defineConsumer(…).calls(…)`;

/** The function of a handler's context that requests a call. `Calls`: the names of the declared calls. */
export type RequestCall<DB, Calls extends string, More extends readonly unknown[] = []> = <
  Input,
  Name extends string,
>(
  call: RequestableCall<DB, Input, Name> & Declared<Name, Calls>,
  input: NoInfer<Input>,
  ...more: More
) => Promise<string>;

export interface NamedCall {
  readonly name: string;
}

/** The calls that a consumer may declare: for another, the sentence that the compiler shows. */
export type RequestableAll<DB, Given extends readonly NamedCall[]> = {
  readonly [At in keyof Given]: Given[At] & Requestable<DB, Given[At]>;
};

type Requestable<DB, Given extends NamedCall> = Given extends { readonly request: unknown }
  ? RequestableCall<DB>
  : `'${Given['name']}' has no reactions to its outcome: give the result of its .onOutcome({ succeeded, failed })`;
