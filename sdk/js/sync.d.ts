/** An entity in sight. Its kind's own type comes with the schema: `hillfort schema js` writes it. */
export interface AnyEntity {
  readonly id: number;
  readonly kind: string;
  valueAt(field: string, tick: number): number | undefined;
}

/** What `hillfort schema js` writes. */
export interface Schema<E> {
  readonly hash: string;
  readonly kinds: readonly object[];
  readonly entity?: E;
}

/** A packet that was not taken; nothing was changed. */
export class MirrorError extends Error {
  /** `malformed`, `state`: ask for the state anew; `schema`: this client was built for another one. */
  readonly reason: 'malformed' | 'schema' | 'state';
}

export interface Note {
  /** This client's own number of the last input that the state includes. */
  readonly input: number;
  /** Ticks by which its inputs come early; below 0 they come late. */
  readonly ahead: number;
  /** Tick of the packet that said so; null: none did yet. */
  readonly tick: number | null;
}

export class Mirror<E = AnyEntity> {
  constructor(schema: Schema<E>);
  /** Takes a packet whole, or throws MirrorError and changes nothing. False: it is not newer than the last one. */
  take(bytes: Uint8Array): boolean;
  /** What to acknowledge when packets may be lost; null on a stream. */
  ack(): { tick: number; received: bigint } | null;
  /** Tick of the newest packet. */
  readonly tick: number | null;
  readonly note: Note;
  /** All entities in sight, by id. One stays the same object as long as it is in sight, and readable as it was afterwards. */
  readonly entities: ReadonlyMap<number, E>;
  /** What the last packet did. The lists are used again by the next packet. */
  readonly entered: readonly E[];
  readonly changed: readonly E[];
  readonly left: readonly E[];
}
