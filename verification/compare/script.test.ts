import { describe, expect, it } from 'vitest';
import { drawPart } from './script.ts';

const SEEDS = Array.from({ length: 50 }, (_, seed) => seed);

describe('a drawn part', () => {
  it('equal seeds give equal parts, other seeds give others', () => {
    const draw = (seed: number) => drawPart(seed, 'a', { size: 20, kills: true });
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('a part without kills has none, and fifty parts with kills have every kind of fault', () => {
    const acts = (kills: boolean) =>
      SEEDS.flatMap((seed) =>
        drawPart(seed, 'a', { size: 20, kills }).faults.flatMap(({ once = [], always }) => [...once, always]),
      );
    expect(acts(false)).not.toContain('kill');
    expect(acts(false)).not.toContain('kill-late');
    for (const act of ['network', 'refuse', 'lost', 'unreached', 'busy', 'kill', 'kill-late'])
      expect(acts(true)).toContain(act);
  });

  it('a call that must not be repeated is drawn only where no process is killed', () => {
    const skus = (kills: boolean) =>
      SEEDS.flatMap((seed) => drawPart(seed, 'a', { size: 20, kills }).orders.map(({ sku }) => sku));
    expect(skus(false)).toContain('stamped');
    expect(skus(true)).not.toContain('stamped');
  });

  it('a moment of a key that decides an outcome has no other fault', () => {
    for (const seed of SEEDS) {
      const places = drawPart(seed, 'a', { size: 20, kills: true }).faults.map(
        ({ moment, key }) => `${moment} ${key}`,
      );
      expect(new Set(places).size).toBe(places.length);
    }
  });
});
