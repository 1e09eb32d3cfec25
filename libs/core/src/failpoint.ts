/**
 * Kills the process at a named point, to test crash recovery. `CONVERGE_FAILPOINT=relay.after_send` sends SIGKILL at
 * the first pass of that point, `relay.after_send@3` at the third. The cost is one comparison when the variable is not
 * set.
 */
const wanted = parse(process.env['CONVERGE_FAILPOINT']);
let hits = 0;

export function failpoint(name: string): void {
  if (wanted === undefined || wanted.name !== name) return;
  hits += 1;
  if (hits >= wanted.hit) process.kill(process.pid, 'SIGKILL');
}

function parse(text: string | undefined): { name: string; hit: number } | undefined {
  if (text === undefined || text === '') return undefined;
  const [name = '', hit = '1'] = text.split('@');
  return { name, hit: Number(hit) };
}
