import type { StandardSchema } from './standard-schema.ts';

/** Upcast steps by version, on parsed JSON: `{ 1: (v1) => v2, 2: (v2) => v3 }`. */
export type Upcasts = Readonly<Record<number, (data: unknown) => unknown>>;

/**
 * The contract of an event. `orderPlaced(data)` validates, encodes and freezes an event.
 * A violation throws a ContractError in the caller's transaction. `Input` is the caller's type, `Data` the reader's. The
 * bare `EventDefinition` stands for any definition (read-only: its `Input` is `never`).
 */
export interface EventDefinition<Type extends string = string, Data = unknown, Input = never> {
  (data: Input): DomainEvent<Data, Type>;
  /** The type, by which consumers choose events: `order.placed`. */
  readonly type: Type;
  /** The version that `define` writes, from 1. */
  readonly version: number;
  /** The oldest version that `parse` still reads. */
  readonly oldest: number;
  /** The topic that has the events of all keys. */
  readonly topic: string;
  /** The schema of the data, which is checked at the emit and when a record is read. */
  readonly schema: StandardSchema<unknown, Data>;
  /** The sagas that the event starts, as `name/version`: see `starts`. Undefined: none. */
  readonly starts?: readonly string[];
  /** Returns the key of the entity that the event is about. Events of one key keep their order. */
  keyOf(data: Data): string;
  /** Parses a payload of this version or an older one. Throws a ContractError of category data. */
  readonly parse: (payload: string, version: number) => Data;
}

/** A validated event, ready for the outbox. It is frozen; `payload` is its JSON, encoded once. */
export interface DomainEvent<Data = unknown, Type extends string = string> {
  /** The definition that made the event. */
  readonly definition: EventDefinition<Type, Data>;
  /** The type: `order.placed`. */
  readonly type: Type;
  /** The version of the data, from 1. */
  readonly version: number;
  /** The topic to which the relay publishes it. */
  readonly topic: string;
  /** The key of its entity, as the definition's `key` computes it. */
  readonly key: string;
  /** The data, exactly as a reader decodes it from `payload`. */
  readonly data: Data;
  /** The data as JSON text. */
  readonly payload: string;
  /** The digests of the fields to search by. Undefined: the definition names none. */
  readonly search?: readonly string[];
}
