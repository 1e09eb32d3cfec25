import { html, type Html } from './html.ts';

/** The shapes of icons, 24 by 24: Lucide 1.62, ISC licence, copyright Lucide Icons and Contributors (lucide.dev). */
const SHAPES = {
  service: [
    'M11 21.73a2 2 0 0 0 2 0l7-4A2 2 0 0 0 21 16V8a2 2 0 0 0-1-1.73l-7-4a2 2 0 0 0-2 0l-7 4A2 2 0 0 0 3 8v8a2 2 0 0 0 1 1.73z',
    'M12 22V12',
    'M3.29 7 12 12l8.71-5',
  ],
  source: [
    'M14.536 21.686a.5.5 0 0 0 .937-.024l6.5-19a.496.496 0 0 0-.635-.635l-19 6.5a.5.5 0 0 0-.024.937l7.93 3.18a2 2 0 0 1 1.112 1.11z',
    'm21.854 2.147-10.94 10.939',
  ],
  topic: [
    'M12.83 2.18a2 2 0 0 0-1.66 0L2.6 6.08a1 1 0 0 0 0 1.83l8.58 3.91a2 2 0 0 0 1.66 0l8.58-3.9a1 1 0 0 0 0-1.83z',
    'M2 12a1 1 0 0 0 .58.91l8.6 3.91a2 2 0 0 0 1.65 0l8.58-3.9A1 1 0 0 0 22 12',
    'M2 17a1 1 0 0 0 .58.91l8.6 3.91a2 2 0 0 0 1.65 0l8.58-3.9A1 1 0 0 0 22 17',
  ],
  consumer: [
    'M22 12h-6l-2 3h-4l-2-3H2',
    'M5.45 5.11 2 12v6a2 2 0 0 0 2 2h16a2 2 0 0 0 2-2v-6l-3.45-6.89A2 2 0 0 0 16.76 4H7.24a2 2 0 0 0-1.79 1.11z',
  ],
  saga: [
    'M9 19a3 3 0 1 1-6 0 3 3 0 0 1 6 0',
    'M9 19h8.5a3.5 3.5 0 0 0 0-7h-11a3.5 3.5 0 0 1 0-7H15',
    'M21 5a3 3 0 1 1-6 0 3 3 0 0 1 6 0',
  ],
  reconciler: [
    'M12 3v18',
    'm19 8 3 8a5 5 0 0 1-6 0zV7',
    'M3 7h1a17 17 0 0 0 8-2 17 17 0 0 0 8 2h1',
    'm5 8 3 8a5 5 0 0 1-6 0zV7',
    'M7 21h10',
  ],
} as const;

/** An icon inside of an SVG, with its upper left corner and its size. It only repeats what a text says. */
export function iconAt(name: keyof typeof SHAPES, x: number, y: number, size = 16): Html {
  return html`<svg
    class="icon"
    x="${x}"
    y="${y}"
    width="${size}"
    height="${size}"
    viewBox="0 0 24 24"
    aria-hidden="true"
  >
    ${SHAPES[name].map((shape) => html`<path d="${shape}" />`)}
  </svg>`;
}
