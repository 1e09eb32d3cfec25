type Variables = Readonly<Record<string, string>>;

/** The addresses of a demo that is kept up. */
export interface Access {
  /** Of the databases of the kit, with their logins. */
  readonly urls: Variables;
  /** The settings by which processes find the log. */
  readonly log: Variables;
  readonly console: { readonly port: number; readonly token: string };
}

/** The environment of the console over all databases of the demo. Pure. */
export function consoleEnv({ urls, log, console: { port, token } }: Access): Variables {
  const databases = Object.entries(urls).map(([name, url]) => [
    `CONVERGE__DATABASES__${name.toUpperCase()}`,
    url,
  ]);
  return {
    ...log,
    ...(Object.fromEntries(databases) as Variables),
    CONVERGE__CONSOLE__PORT: String(port),
    CONVERGE__CONSOLE__TOKENS__DEVELOPER: token,
  };
}

/** How another terminal and a browser reach a demo: each line can be pasted as it is. Pure. */
export function accessLines({ urls, log, console: { port, token } }: Access): readonly string[] {
  const settings = Object.entries(log).map(([name, value]) => `${name}=${value}`);
  return [
    ...Object.entries(urls).map(
      ([name, url]) => `${name.padEnd(9)}  export ${[`DATABASE_URL=${url}`, ...settings].join(' ')}`,
    ),
    `console:   http://127.0.0.1:${port}/, to act in it sign in with ${token}`,
  ];
}
