interface User {
  readonly user: string;
  readonly via: 'token' | 'session' | 'proxy';
  /** The token that each form of this user carries. */
  readonly formToken: string;
}

/** The user of a request. Only an operator may act, and may see payloads in full where the settings permit it. */
export type Visitor =
  { readonly kind: 'reader' } | ({ readonly kind: 'viewer' } & User) | ({ readonly kind: 'operator' } & User);

export const READER: Visitor = { kind: 'reader' };
