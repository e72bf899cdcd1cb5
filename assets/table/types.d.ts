// The shapes that the table's modules pass to one another. The server makes `About`: src/board/table/payload.py.

export interface Column {
  key: string;
  title: string;
  kind: "rank" | "model" | "type" | "score" | "number" | "text" | "flag" | "date";
  shown: boolean;
  help: string;
  group: string;
  digits: number;
  unit: string;
  better: "higher" | "lower";
  weight: number;
}

export interface Sort {
  key: string;
  descending: boolean;
}

export type Ends<T> = [T | null, T | null];

/** One view of a board, with the fields of `Query` in src/board/table/query.py. */
export interface Query {
  q: string;
  types: string[];
  family: string[];
  precision: string[];
  license: string[];
  size: string[];
  params: Ends<number>;
  uploaded: Ends<string>;
  submitted: Ends<string>;
  hide: string[];
  official: boolean;
  columns: string[] | null;
  sort: Sort[];
  pinned: string[];
  score: "normalised" | "raw";
  rank: "all" | "shown";
  average: "all" | "shown";
  aggregate: string | null;
  weights: [string, number][];
  suite: string | null;
}

export interface Size {
  key: string;
  title: string;
  low: number | null;
  high: number | null;
  words: string;
  /** Of earlier links: no longer offered. */
  old?: boolean;
}

export interface Hide {
  key: string;
  title: string;
  path: string;
  when: boolean;
  help: string;
}

export interface ModelType {
  key: string;
  title: string;
  help: string;
}

/** What the page's HTML says of the board, beside the rows of the first screen. */
export interface About {
  suite: string;
  aggregation: string;
  columns: Column[];
  types: ModelType[];
  sizes: Size[];
  hides: Hide[];
  precisions: Record<string, string>;
  scales: Record<string, [number, number]>;
  total: number;
  flagged: number;
  /** GB that a model of a billion numbers needs, by bits a number. */
  gb: Record<string, number>;
  query: Query;
  core: string;
  extra: string;
  certainty: string | null;
  /** The day of the past that the page shows; null: now. */
  at: string | null;
  hub: boolean;
  details: string | null;
}

export interface Pattern {
  test(text: string): boolean;
  find(text: string): [number, number] | null;
}

export interface Term {
  kind: "word" | "size" | "field" | "pattern";
  text: string;
  field?: string;
  pattern?: Pattern;
}

export interface Search {
  alternatives: Term[][];
  problem: string | null;
  /** The pattern engine is still on its way: this cannot be answered yet. */
  isWaiting: boolean;
}

export interface Answer {
  rows: Uint32Array;
  pinned: number;
  matches: number;
  averages: Float64Array;
  ranks: Float64Array;
  problem: string | null;
  search: Search;
  failed: Uint16Array;
  isPublished: boolean;
  /** The board's own intervals of ranks belong to `ranks`. */
  isRanged: boolean;
  /** What the averages are called. */
  ranking: string;
  scale: [number, number] | null;
}

export type Counts = Record<"types" | "family" | "precision" | "license" | "size" | "hide" | "official" | "relaxed",
  Record<string, number>>;

/** What is on screen. */
export interface View {
  data: import("./data.js").Data;
  answer: Answer;
  columns: Column[];
  query: Query;
  about: About;
  types: Record<string, ModelType>;
  chosen: Set<string>;
  href(row: number): string;
}

/** A change of the view; `step`: the reader may want to come back here with the browser's back button. */
export type Change = (patch: Partial<Query>, how?: { step?: boolean }) => void;

/** What the filters, menus and chips show. */
export interface State {
  query: Query;
  counts: Counts | null;
  about: About;
  columns: Column[];
  data: import("./data.js").Data;
  answer: Answer;
  total: number;
  chosen: Set<string>;
  change: Change;
}

/** A part of a menu. */
export interface Part {
  node: HTMLElement;
  update(state: State): void;
}

declare global {
  interface Window {
    /** Keys pressed before the table's script has come; null once it takes them itself. See assets/boot.js. */
    lbEarlyKeys: any[] | null;
    lbEarlyMenu?: HTMLElement | null;
  }
}
