import type { StandardSchema } from './standard-schema.ts';

/** One step from a version to the next, on parsed JSON: `{ 1: (v1) => v2, 2: (v2) => v3 }`. */
export type Upcasts = Readonly<Record<number, (data: unknown) => unknown>>;

/**
 * A fact's contract. Callable: `orderPlaced(data)` validates, encodes and freezes an event, or throws a
 * ContractError in the caller's transaction. `Input` is what a caller gives, `Data` what a reader gets; the bare
 * `EventDefinition` stands for any definition (read-only: its `Input` is `never`).
 */
export interface EventDefinition<Type extends string = string, Data = unknown, Input = never> {
  (data: Input): DomainEvent<Data>;
  readonly type: Type;
  readonly version: number;
  /** The oldest version that `parse` still reads. */
  readonly oldest: number;
  readonly topic: string;
  readonly schema: StandardSchema<unknown, Data>;
  /** The sagas that it starts, as `name/version`: see `starts` of `@convergekit/saga/declare`. */
  readonly starts?: readonly string[];
  /** Names the entity that the fact is about: events of one key keep their order. */
  keyOf(data: Data): string;
  /** Reads a payload of this version or an older one. Throws a ContractError of category data. */
  readonly parse: (payload: string, version: number) => Data;
}

/** A validated fact, ready for the outbox. Frozen; `payload` is its JSON, encoded once. */
export interface DomainEvent<Data = unknown> {
  readonly definition: EventDefinition<string, Data>;
  readonly type: string;
  readonly version: number;
  readonly topic: string;
  readonly key: string;
  /** What any reader of `payload` gets. */
  readonly data: Data;
  readonly payload: string;
}
