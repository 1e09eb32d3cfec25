import type { Socket } from 'node:net';
import { BegunAnswers } from './begun-answers.ts';
import { ConnectionError, REQUIRES_TLS } from './connection.ts';

/**
 * The largest frame that is kept, in bytes. A broker takes requests of up to 100 MiB (`socket.request.max.bytes`), so no batch
 * in its logs is larger, and a fetch that begins with such a batch has no other.
 */
export const MAX_FRAME_BYTES = 134_217_728;
/** Each answer begins with the number of its request. */
const MIN_FRAME_BYTES = 4;

/** Follows a stream of frames, each of which begins with its length in four bytes. */
export class FrameLengths {
  #length = 0;
  #lengthBytes = 0;
  #left = 0;

  /** The bytes that have come of the frame that is not whole yet. */
  get begun(): number {
    return this.#left === 0 ? 0 : this.#length - this.#left;
  }

  /** Reads the next bytes of the stream. Returns the first length that no answer has, if there is one. */
  impossibleIn(bytes: Buffer): number | undefined {
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, bytes.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      this.#length = (this.#length << 8) | bytes.readUInt8(at);
      at += 1;
      this.#lengthBytes = (this.#lengthBytes + 1) % 4;
      if (this.#lengthBytes > 0) continue;
      if (this.#length < MIN_FRAME_BYTES || this.#length > MAX_FRAME_BYTES) return this.#length;
      this.#left = this.#length;
    }
    return undefined;
  }
}

/** The answers of all connections of this process. */
const ofProcess = new BegunAnswers();

/**
 * Puts a check between a socket and the client library, before whose own check of the bytes there is none: a length that no
 * answer has, an error that the library throws while it reads, and more bytes than all connections may keep end this connection
 * (`end`) and not the process.
 */
export function guardFrames(
  socket: Socket,
  end: (error: ConnectionError) => void,
  answers = ofProcess,
): void {
  const lengths = new FrameLengths();
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...values: readonly unknown[]) => boolean;
  let ended = false;
  const isOver = (): boolean => ended;
  const endWith = (error: ConnectionError): void => {
    ended = true;
    answers.note(answer, 0);
    end(error);
  };
  const answer = { bytes: 0, end: endWith };
  socket.once('close', () => answers.note(answer, 0));
  const guarded = (bytes: Buffer): boolean => {
    if (isOver()) return false;
    try {
      const length = lengths.impossibleIn(bytes);
      if (length !== undefined) {
        endWith(refusedLength(length));
        return false;
      }
      answers.note(answer, lengths.begun);
      return !isOver() && emit('data', bytes);
    } catch (cause) {
      endWith(new ConnectionError('frame', 'its answer cannot be read', cause));
      return false;
    }
  };
  socket.emit = (event: string | symbol, ...values: readonly unknown[]) =>
    event === 'data' ? guarded(values[0] as Buffer) : emit(event, ...values);
}

/** The first bytes of a record of TLS 1.0 to 1.3, as a length. */
const isTlsRecord = (length: number): boolean =>
  length >> 16 >= 0x1403 && length >> 16 <= 0x1703 && ((length >> 16) & 0xff) === 3;

function refusedLength(length: number): ConnectionError {
  if (isTlsRecord(length)) return new ConnectionError('tls', REQUIRES_TLS);
  const limits = `an answer has ${MIN_FRAME_BYTES} to ${MAX_FRAME_BYTES} bytes`;
  return new ConnectionError('frame', `it announced an answer of ${length} bytes, and ${limits}`);
}
