/** The login of this example: the session cookie is the user's name. Yours looks the session up. */
export function userOf(cookie: string | null): { readonly name: string } | undefined {
  const [, name] = /login=(\w+)/.exec(cookie ?? '') ?? [];
  return name === undefined ? undefined : { name };
}
