import { decodePprof } from '../thread/pprof/pprof.decoder.js';
import { renderPaths } from '../thread/pprof/hot.paths.js';
import type { SymbolizedProfile } from '../thread/pprof/profile.symbolizer.js';
import { renderTop } from '../thread/pprof/profile.text.js';
import { ask, byId, make, messageFor } from './page.elements.js';
import { differenceOf, partsOf, speedscopeFile } from './speedscope.file.js';

/** A capture of this tab, as it came. */
interface Capture {
  readonly name: string;
  /** What was asked: `profile?seconds=5`. */
  readonly query: string;
  /** ISO time. */
  readonly takenAt: string;
  /** The gzipped profile, in base64. */
  readonly base64: string;
}

const KEY = 'nestjs-pprof captures';

/** Of the last ones that are listed. */
const MAX_CAPTURES = 10;

const captures = loadCaptures();
const chosen = new Set<Capture>();
const rows = new Map<Capture, HTMLTableRowElement>();
let running: AbortController | undefined;

/** Takes captures with a progress bar, and lists those of this tab to be opened, saved and compared. @internal */
export function startCaptures(): void {
  const form = byId<HTMLFormElement>('capture');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const { submitter } = event;
    if (submitter instanceof HTMLButtonElement) {
      void capture(submitter.getAttribute('formaction') ?? '', queryOf(form));
    }
  });
  byId('cancel').addEventListener('click', () => running?.abort());
  byId('compare').addEventListener('click', () => void compare());
  // A capture is shown in each way; what is downloaded is not asked for.
  byId('format-field').hidden = true;
  byId('captures').hidden = false;
  list();
}

function queryOf(form: HTMLFormElement): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === 'string' && value !== '' && name !== 'format') {
      query.set(name, value);
    }
  }
  return query;
}

async function capture(name: string, query: URLSearchParams): Promise<void> {
  if (running) {
    return;
  }
  running = new AbortController();
  const seconds = Number(query.get('seconds'));
  const stopProgress = showProgress(name, seconds);
  const problem = byId('capture-problem');
  problem.textContent = '';
  try {
    const asked = `${name}?${query}`;
    const response = await ask(asked, running.signal);
    const bytes = new Uint8Array(await response.arrayBuffer());
    // What cannot be read is not listed.
    await decode(bytes);
    captures.unshift({ name, query: asked, takenAt: new Date().toISOString(), base64: toBase64(bytes) });
    captures.splice(MAX_CAPTURES);
    keepCaptures();
    list();
    // Not to its flame graph, which is no link before it is decoded.
    byId('capture-rows').querySelector('button')?.focus();
  } catch (error) {
    problem.textContent = running.signal.aborted ? 'Cancelled.' : `${name}: ${messageFor(error)}`;
  } finally {
    running = undefined;
    stopProgress();
  }
}

function setBusy(isBusy: boolean): void {
  byId('progress').hidden = !isBusy;
  for (const button of document.querySelectorAll<HTMLButtonElement>('#capture button')) {
    button.disabled = isBusy;
  }
}

function showProgress(name: string, seconds: number): () => void {
  const bar = byId<HTMLProgressElement>('progress-bar');
  const began = performance.now();
  const show = () => {
    const elapsed = (performance.now() - began) / 1000;
    bar.max = seconds;
    bar.value = Math.min(seconds, elapsed);
    byId('progress-text').textContent =
      elapsed < seconds
        ? `${name}: ${Math.ceil(seconds - elapsed)} s left`
        : `${name}: waiting for the answer`;
  };
  show();
  setBusy(true);
  const timer = setInterval(show, 250);
  byId('cancel').focus();
  return () => {
    clearInterval(timer);
    setBusy(false);
  };
}

/** https://developer.mozilla.org/en-US/docs/Web/API/DecompressionStream */
async function decode(bytes: Uint8Array<ArrayBuffer>): Promise<SymbolizedProfile> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return decodePprof(new Uint8Array(await new Response(stream).arrayBuffer()));
}

function timeOf({ takenAt }: Capture): string {
  return takenAt.slice('yyyy-mm-ddT'.length, 'yyyy-mm-ddThh:mm:ss'.length);
}

function titleOf(of: Capture): string {
  return `${of.name} of ${timeOf(of)}`;
}

function profileOf({ base64 }: Capture): Promise<SymbolizedProfile> {
  return decode(fromBase64(base64));
}

function list(): void {
  for (const [of, row] of rows) {
    if (!captures.includes(of)) {
      rows.delete(of);
      for (const { href } of row.querySelectorAll<HTMLAnchorElement>('a[href^="blob:"]')) {
        URL.revokeObjectURL(href);
      }
      URL.revokeObjectURL(row.querySelector<HTMLElement>('[data-url]')?.dataset['url'] ?? '');
    }
  }
  // Each is decoded once, for its flame graph, and keeps which of its parts is chosen.
  for (const of of captures) {
    rows.set(of, rows.get(of) ?? rowOf(of));
  }
  byId('capture-rows').replaceChildren(...captures.map((of) => rows.get(of)!));
  byId('no-captures').hidden = captures.length > 0;
  byId('capture-table').hidden = captures.length === 0;
  updateCompare();
}

function rowOf(of: Capture): HTMLTableRowElement {
  const { name, query, takenAt, base64 } = of;
  const title = titleOf(of);
  const choose = make('input', { type: 'checkbox', checked: chosen.has(of), ariaLabel: `compare ${title}` });
  choose.addEventListener('change', () => {
    chosen[choose.checked ? 'add' : 'delete'](of);
    updateCompare();
  });
  const view = make('a', { target: '_blank', rel: 'noopener' }, 'flame graph');
  const part = make('select', { ariaLabel: `part of ${title} that the flame graph shows`, hidden: true });
  void linkToParts(of, view, part, title);
  const text = make('button', { type: 'button' }, 'text');
  text.addEventListener('click', () => void showText(of));
  const save = make('a', { download: `${name}-${takenAt.replaceAll(/[:.]/g, '-')}.pb.gz` }, 'save');
  save.href = URL.createObjectURL(new Blob([fromBase64(base64)]));
  return make(
    'tr',
    {},
    make('td', {}, choose),
    make('td', {}, make('code', {}, query)),
    make('td', {}, make('time', { dateTime: takenAt }, timeOf(of))),
    make('td', {}, view, ' ', part),
    make('td', {}, text, ' ', save),
  );
}

/** Once it is decoded. */
async function linkToParts(
  of: Capture,
  view: HTMLAnchorElement,
  part: HTMLSelectElement,
  title: string,
): Promise<void> {
  const profile = await profileOf(of);
  const show = () => {
    URL.revokeObjectURL(view.dataset['url'] ?? '');
    linkToFlameGraph(view, profile, title, Math.max(0, part.selectedIndex));
  };
  const parts = partsOf(profile);
  const first = parts.findIndex(({ samples }) => samples.length > 0);
  if (first === -1) {
    // The viewer takes a file without a sample for a broken one.
    view.replaceWith('nothing in it');
    return;
  }
  part.replaceChildren(
    ...parts.map(({ name, samples }, index) =>
      make('option', { disabled: samples.length === 0, selected: index === first }, name),
    ),
  );
  part.hidden = part.length < 2;
  part.addEventListener('change', show);
  show();
}

function linkToFlameGraph(
  link: HTMLAnchorElement,
  profile: SymbolizedProfile,
  title: string,
  part: number,
): void {
  const file = new Blob([speedscopeFile(profile, title, part)], { type: 'application/json' });
  const url = URL.createObjectURL(file);
  link.dataset['url'] = url;
  link.href = `ui/#profileURL=${encodeURIComponent(url)}&title=${encodeURIComponent(title)}&view=left-heavy`;
}

async function showText(of: Capture): Promise<void> {
  const profile = await profileOf(of);
  const box = byId('capture-text');
  box.textContent = `${renderTop(profile)}${renderPaths(profile)}`;
  box.hidden = false;
  box.focus();
}

function updateCompare(): void {
  for (const each of chosen) {
    if (!captures.includes(each)) {
      chosen.delete(each);
    }
  }
  byId<HTMLButtonElement>('compare').disabled = chosen.size !== 2;
}

/** The older of the two is what is compared with. */
async function compare(): Promise<void> {
  const [after, before] = captures.filter((each) => chosen.has(each));
  const output = byId('difference');
  if (!before || !after) {
    return;
  }
  try {
    const difference = differenceOf(await profileOf(before), await profileOf(after));
    const title = `from ${titleOf(before)} to ${timeOf(after)}`;
    const links = partsOf(difference).map(({ name, samples }, index) => {
      if (samples.length === 0) {
        return make('span', {}, `${name}: nothing`);
      }
      const link = make('a', { target: '_blank', rel: 'noopener' }, `flame graph of ${name}`);
      linkToFlameGraph(link, difference, title, index);
      return link;
    });
    output.replaceChildren(
      `${title}: `,
      ...links.flatMap((link, index) => (index === 0 ? [link] : [', ', link])),
    );
    output.querySelector('a')?.focus();
  } catch (error) {
    output.textContent = messageFor(error);
  }
}

/** The captures of this tab, the newest first, as far as the browser has kept them; they go with the tab. */
function loadCaptures(): Capture[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as Capture[];
  } catch {
    return [];
  }
}

/** The oldest are not kept where there is no room: browsers have some five million characters for a tab. */
function keepCaptures(): void {
  for (let count = captures.length; count > 0; count--) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(captures.slice(0, count)));
      return;
    } catch {
      // Without a store they are there until the page is left.
    }
  }
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bytes.length; from += 32_768) {
    text += String.fromCharCode(...bytes.subarray(from, from + 32_768));
  }
  return btoa(text);
}

function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
