/** The user of a request. Only an operator may act, and may see payloads in full where the settings permit it. */
export type Visitor =
  | { readonly kind: 'reader' }
  | {
      readonly kind: 'operator';
      readonly user: string;
      readonly via: 'token' | 'session' | 'proxy';
      /** The token that each form of this user carries. */
      readonly formToken: string;
    };

export const READER: Visitor = { kind: 'reader' };
