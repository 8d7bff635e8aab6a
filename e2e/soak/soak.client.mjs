import { request } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';
import { Random } from './random.mjs';

/** A capture may wait a minute for a thread that is in a native call. */
const ANSWER_WITHIN_MILLIS = 90_000;

/** Requests by kind of profile. A kind that is not served (404) is left out from then on. */
const REQUESTS = {
  profile: [
    'profile?seconds=1',
    'profile?seconds=1&hz=1000',
    'profile?seconds=1&hz=19',
    'profile?seconds=1&threads=main',
    'profile?seconds=1&format=text',
    'profile?seconds=2&hz=250',
    'profile?seconds=1&format=cpuprofile',
  ],
  heap: ['heap', 'heap', 'heap?threads=main', 'heap?debug=1', 'heap?seconds=1', 'heap?format=heapprofile'],
  heapgc: ['heap?gc=1', 'heap?gc=1&seconds=1'],
  goroutine: ['goroutine', 'goroutine?debug=1', 'goroutine?debug=2', 'goroutine?threads=main'],
  threadcreate: ['threadcreate', 'threadcreate?debug=1'],
  block: ['block', 'block?seconds=1', 'block?seconds=1&threads=main'],
  allocs: ['allocs', 'allocs?seconds=1'],
  mutex: ['mutex'],
  v8: [
    'profile?seconds=1&format=cpuprofile',
    'profile?seconds=1&format=cpuprofile&hz=1000',
    'heap?format=heapprofile',
    'heap?format=heapprofile&gc=1',
  ],
  trace: ['trace?seconds=0.5'],
  past: ['profile?past=5', 'profile?past=20&format=cpuprofile', 'incidents'],
  pages: ['', 'cmdline'],
};

/** pprof's format is gzipped; V8's own are JSON. */
function checkWhole(body) {
  if (body[0] === 0x1f) {
    Profile.decode(gunzipSync(body));
  } else {
    JSON.parse(body);
  }
}

/** Takes profiles back to back, by several clients at once, and keeps account of the answers. */
export class SoakClient {
  captures = {};
  statuses = {};
  /** Why there was no profile, of answers that are no fault. */
  reasons = {};
  #url;
  #random;
  #clients;
  #kinds;
  #violate;

  constructor({ url, seed, clients, only, violate }) {
    this.#url = url;
    this.#random = new Random(seed + 1000);
    this.#clients = clients;
    this.#kinds = only ? only.split(',') : Object.keys(REQUESTS);
    this.#violate = violate;
  }

  get total() {
    return Object.values(this.captures).reduce((sum, count) => sum + count, 0);
  }

  /** Settles when `goesOn` has said no, and the last answer is in. */
  async run(goesOn) {
    await Promise.all(
      Array.from({ length: this.#clients }, async () => {
        while (goesOn()) {
          await this.#captureOne(goesOn);
        }
      }),
    );
  }

  /** One more of each kind, now that nothing disturbs. */
  async checkStillWorks() {
    for (const kind of this.#kinds) {
      const path = REQUESTS[kind][0];
      const { status, body } = await this.#getWhereWorkersEnd(path);
      if (status !== 200) {
        this.#violate(`after the soak ${path} answers ${status}: ${body}`);
      }
    }
  }

  /** A trace is refused for half a minute after a worker has ended. */
  async #getWhereWorkersEnd(path) {
    const giveUpAt = performance.now() + ANSWER_WITHIN_MILLIS;
    for (;;) {
      const answer = await this.#get(path, undefined);
      const isRefused = answer.status === 504 && answer.body.includes('worker thread that ended');
      if (!isRefused || performance.now() > giveUpAt) {
        return answer;
      }
      await sleep(1000);
    }
  }

  async #captureOne(goesOn) {
    const kind = this.#random.pick(this.#kinds);
    const path = this.#random.pick(REQUESTS[kind]);
    const leavesAfter = this.#random.chance(0.15) ? this.#random.integer(0, 1000) : undefined;
    try {
      const { status, body, isProfile } = await this.#get(path, leavesAfter);
      this.#count(this.statuses, String(status));
      if (status === 'left') {
        return;
      }
      if (status === 404) {
        this.#kinds = this.#kinds.filter((other) => other !== kind);
        return;
      }
      this.#count(this.captures, kind);
      if (status === 200) {
        if (isProfile) {
          checkWhole(body);
        }
      } else if (
        ((status === 429 || status === 504) && body.length > 10) ||
        (status === 400 && body.includes('nothing is kept of')) ||
        // A capture of all allocations has come in between the two moments.
        (status === 409 && path.startsWith('heap') && body.includes('no difference'))
      ) {
        this.#count(this.reasons, `${status} ${body}`.trim().replaceAll(/\d+/g, 'N'));
      } else {
        this.#violate(`${path} answers ${status}: ${body}`);
      }
    } catch (error) {
      if (goesOn()) {
        this.#violate(`${path}: ${error.code ?? ''} ${error.message}`);
      }
    }
  }

  async #get(path, leavesAfter) {
    const signal = AbortSignal.timeout(leavesAfter ?? ANSWER_WITHIN_MILLIS);
    try {
      const outgoing = request(new URL(path, this.#url), { agent: false, signal }).end();
      const [response] = await once(outgoing, 'response');
      const body = await buffer(response);
      return {
        status: response.statusCode,
        body,
        isProfile: response.headers['content-type'] === 'application/octet-stream',
      };
    } catch (error) {
      if (leavesAfter !== undefined && error.name === 'AbortError') {
        return { status: 'left', body: Buffer.alloc(0), isProfile: false };
      }
      throw error;
    }
  }

  #count(counts, key) {
    counts[key] = (counts[key] ?? 0) + 1;
  }
}
