// A few named texts that several processes share. When two write at once, one of them is told that it was too late.

export interface SharedRecord {
  /** For people: what it is and where. */
  readonly place: string;
  /** Undefined if there is none. */
  read(): Promise<RecordContent | undefined>;
  /** False if there is one already. */
  create(parts: RecordParts): Promise<boolean>;
  /** Replaces these parts and leaves others alone. False if it is not of this version any more. */
  replace(parts: RecordParts, version: string): Promise<boolean>;
}

export type RecordParts = Readonly<Record<string, string>>;

export interface RecordContent {
  readonly parts: RecordParts;
  /** Another one with every change. */
  readonly version: string;
}
