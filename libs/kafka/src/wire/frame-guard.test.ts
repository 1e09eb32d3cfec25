import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { ConnectionError } from './connection.ts';
import { BegunAnswers } from './begun-answers.ts';
import { FrameLengths, guardFrames, MAX_FRAME_BYTES } from './frame-guard.ts';

const lengthOf = (length: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(length);
  return bytes;
};
const frame = (length: number): Buffer => Buffer.concat([lengthOf(length), Buffer.alloc(length, 0xff)]);

it('lengths of frames are found wherever the bytes are cut', () => {
  const stream = Buffer.concat([frame(4), frame(70_000), frame(9), lengthOf(MAX_FRAME_BYTES + 1)]);
  for (const size of [1, 3, 5, 65_536, stream.length]) {
    const lengths = new FrameLengths();
    const found: (number | undefined)[] = [];
    for (let at = 0; at < stream.length; at += size)
      found.push(lengths.impossibleIn(stream.subarray(at, at + size)));
    expect([size, found.slice(0, -1).every((one) => one === undefined), found.at(-1)]).toEqual([
      size,
      true,
      MAX_FRAME_BYTES + 1,
    ]);
  }
});

/** A socket with the listener of a client library, behind the guard. */
function guarded(listener: (bytes: Buffer) => void, answers = new BegunAnswers()) {
  const socket = new Socket();
  const errors: ConnectionError[] = [];
  guardFrames(socket, (error) => void errors.push(error), answers);
  socket.on('data', listener);
  return { socket, errors };
}

// Planted fault: without the catch, what a library throws in its listener is an uncaught error of the process.
it('an error that a client library throws while it reads ends its connection alone', () => {
  const { socket, errors } = guarded(() => {
    throw new RangeError('out of range');
  });
  socket.emit('data', frame(4));
  expect(errors).toMatchObject([{ failure: 'frame', cause: { message: 'out of range' } }]);
});

it('a client library gets neither an impossible frame nor what follows it', () => {
  const seen: number[] = [];
  const { socket, errors } = guarded((bytes) => void seen.push(bytes.length));
  for (const bytes of [frame(8), lengthOf(-1), frame(8)]) socket.emit('data', bytes);
  expect(seen).toEqual([12]);
  expect(errors).toMatchObject([
    { failure: 'frame', message: expect.stringContaining('-1 bytes') as string },
  ]);
});

// Seen to fail with a limit of each answer alone: a hundred connections may keep 128 MiB each.
it('the largest answer ends its connection when all that are not whole have more bytes than a process may keep', () => {
  const answers = new BegunAnswers(10_000);
  const [large, small, last] = [1, 2, 3].map(() => guarded(() => undefined, answers));
  const part = (bytes: number): Buffer => Buffer.concat([lengthOf(9_000), Buffer.alloc(bytes)]);
  large!.socket.emit('data', part(6_000));
  small!.socket.emit('data', part(3_000));
  last!.socket.emit('data', part(1_000));
  expect([large, small, last].map((one) => one!.errors.length)).toEqual([0, 0, 0]);
  last!.socket.emit('data', Buffer.alloc(1));
  expect([large, small, last].map((one) => one!.errors.length)).toEqual([1, 0, 0]);
  expect(large!.errors).toMatchObject([
    { failure: 'frame', message: expect.stringContaining('the largest of them, with 6000') as string },
  ]);
  // What is whole, or whose connection is closed, is no longer counted.
  small!.socket.emit('data', Buffer.alloc(6_000));
  last!.socket.emit('close', false);
  const next = guarded(() => undefined, answers);
  next.socket.emit('data', part(8_999));
  expect([small, last, next].map((one) => one!.errors.length)).toEqual([0, 0, 0]);
});
