/** The time between two looks at the parent, in milliseconds. */
const LOOK_MS = 1_000;

/**
 * Aborts when the package manager that ran this process has ended. npm and npx send SIGTERM to the shell between them and
 * the command, which dies and passes nothing on. Without a package manager an end of the parent means nothing: `nohup`.
 */
export function packageManagerEnd(env: Readonly<Record<string, string | undefined>>): AbortSignal {
  const ended = new AbortController();
  if (env['npm_config_user_agent'] === undefined) return ended.signal;
  const parent = process.ppid;
  const looks = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(looks);
    ended.abort();
  }, LOOK_MS);
  looks.unref();
  return ended.signal;
}
