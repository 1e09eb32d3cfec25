/** What stood at one place among the headers of the records before. */
interface Place {
  readonly name: string;
  readonly nameBytes: Buffer;
  text: string;
  textBytes: Buffer;
  /** Values in a row that were others. */
  misses: number;
}

/** A value that was another one so often in a row is different in every record: it is no longer compared. */
const MOST_MISSES = 8;
const LONGEST = 128;
const NOTHING = Buffer.alloc(0);

/**
 * Headers as text. Records of one producer have the same names in the same order, and half of their values are the same
 * too (type, source, schema): to compare bytes with those of the record before is several times faster than to decode.
 */
export class HeaderMemo {
  readonly #places: Place[] = [];

  at(index: number, bytes: Buffer, start: number, end: number): Place {
    const known = this.#places[index];
    if (known !== undefined && isSame(known.nameBytes, bytes, start, end)) return known;
    const place = {
      name: bytes.toString('utf8', start, end),
      nameBytes: Buffer.from(bytes.subarray(start, end)),
      text: '',
      textBytes: NOTHING,
      misses: 0,
    };
    // A hostile record may have any number of headers with names of any length.
    if (index < LONGEST && end - start <= LONGEST) this.#places[index] = place;
    return place;
  }

  text(place: Place, bytes: Buffer, start: number, end: number): string {
    if (place.misses > MOST_MISSES || end - start > LONGEST) return bytes.toString('utf8', start, end);
    if (isSame(place.textBytes, bytes, start, end)) {
      place.misses = 0;
      return place.text;
    }
    place.misses += 1;
    place.text = bytes.toString('utf8', start, end);
    place.textBytes = Buffer.from(bytes.subarray(start, end));
    return place.text;
  }
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = 0; at < known.length; at += 1) if (known[at] !== bytes[start + at]) return false;
  return true;
}
