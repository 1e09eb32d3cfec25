/** The event that a payload belongs to. */
export interface PayloadOf {
  /** The topic of the event. */
  readonly topic: string;
  /** The type of the event: `order.placed`. */
  readonly type: string;
  /** The version of the event, from 1. */
  readonly version: number;
}

/** Converts payloads between JSON and the form on the wire. */
export interface PayloadCodec {
  /**
   * Returns the form on the wire of a payload, JSON in UTF-8. Rejects with CodecUnavailable while it cannot work, and with
   * any other error for a payload that it will never take.
   */
  encode(payload: Uint8Array, of: PayloadOf): Promise<Uint8Array>;
  /** True for bytes that `encode` made. Others are passed on as they are. */
  owns(value: Uint8Array): boolean;
  /** Returns the JSON of bytes that it owns. Rejects as `encode` does. */
  decode(value: Buffer): Promise<Uint8Array>;
}

/** The codec cannot work at the moment: its registry does not answer. The caller tries again. */
export class CodecUnavailable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'CodecUnavailable';
  }
}
