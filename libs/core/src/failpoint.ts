/**
 * Named places where a crash is most harmful. `CONVERGE_FAILPOINT=relay.after_send` kills the process by SIGKILL the
 * first time it gets there, `relay.after_send@3` the third time. Without the variable the cost is one comparison.
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
