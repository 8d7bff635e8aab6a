/** A capture of this tab, as it came. @internal */
export interface Capture {
  readonly name: string;
  /** What was asked: `profile?seconds=5`. */
  readonly query: string;
  /** ISO time. */
  readonly takenAt: string;
  /** The gzipped profile, in base64. */
  readonly base64: string;
}

const KEY = 'nestjs-pprof captures';

/** What a browser keeps of a tab is about five million characters. */
const MAX_CHARACTERS = 4_000_000;

/** The captures of this tab, the newest first, as far as the browser has kept them; they go with the tab. @internal */
export function loadCaptures(): Capture[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as Capture[];
  } catch {
    return [];
  }
}

/** The oldest are not kept where there is no room. @internal */
export function keepCaptures(captures: readonly Capture[]): void {
  const kept = [...captures];
  while (kept.length > 0 && JSON.stringify(kept).length > MAX_CHARACTERS) {
    kept.pop();
  }
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Without it they are there until the page is left.
  }
}

/** @internal */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bytes.length; from += 32_768) {
    text += String.fromCharCode(...bytes.subarray(from, from + 32_768));
  }
  return btoa(text);
}

/** @internal */
export function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
