interface Person {
  readonly name: string;
  readonly role: 'viewer' | 'operator';
}

/** The login of this example: the session cookie is the user's name. Yours looks the session up. */
export function userOf(cookie: string | null): Person | undefined {
  const [, name] = /login=(\w+)/.exec(cookie ?? '') ?? [];
  return name === undefined ? undefined : { name, role: name === 'ada' ? 'operator' : 'viewer' };
}
