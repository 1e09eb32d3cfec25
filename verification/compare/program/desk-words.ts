/** What is asked of the desk. */
export type Question = { readonly id: number } & Ask;

export type Ask =
  | { readonly kind: 'read'; readonly topics: readonly string[] }
  | { readonly kind: 'command'; readonly args: readonly string[]; readonly database: string };

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A record of the log, as text. */
export interface Recorded {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}
