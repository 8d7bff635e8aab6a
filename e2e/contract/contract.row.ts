/** What a body must be. */
export type Body =
  | { readonly is: 'empty' }
  | { readonly is: 'text'; readonly pattern: RegExp }
  /** One line, and `\n`. */
  | { readonly is: 'error'; readonly text: string | RegExp }
  /** An object, with these keys at least. */
  | { readonly is: 'json'; readonly keys: readonly string[] }
  /** One of Chrome's, for Perfetto. */
  | { readonly is: 'trace' }
  | {
      readonly is: 'pprof';
      /** As `type/unit`, in their order. */
      readonly sampleTypes: readonly string[];
      readonly periodType: string;
      /** Whether it is of a window of time. */
      readonly timed: boolean;
    };

export interface Answer {
  readonly status: number;
  /** Those that must be there; undefined for one that must not. */
  readonly headers: Readonly<Record<string, string | RegExp | undefined>>;
  readonly body: Body;
}

/** One row of the table: a request, and what it is answered. */
export interface ContractRow {
  /** Method and target, as they are in the request; nothing is escaped or tidied up. */
  readonly ask: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly send?: string;
  readonly answer: Answer;
}

const PPROF_TYPES: Readonly<Record<string, readonly [sampleTypes: string, periodType: string]>> = {
  profile: ['samples/count wall/nanoseconds cpu/nanoseconds', 'cpu/nanoseconds'],
  heap: ['inuse_objects/count inuse_space/bytes', 'space/bytes'],
  allocs: ['alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes', 'space/bytes'],
  block: ['contentions/count delay/nanoseconds', 'contentions/count'],
  mutex: ['contentions/count delay/nanoseconds', 'contentions/count'],
  goroutine: ['goroutine/count', 'goroutine/count'],
  threadcreate: ['threadcreate/count', 'threadcreate/count'],
};

const TEXT = 'text/plain; charset=utf-8';

/** A profile of a moment, or with `delta` or `window` of a window of time. */
export function pprof(name: string, of: 'moment' | 'delta' | 'window' = 'moment'): Answer {
  const [sampleTypes = '', periodType = ''] = PPROF_TYPES[name]!;
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${of === 'delta' ? `${name}-delta` : name}"`,
      'x-go-pprof': undefined,
    },
    body: { is: 'pprof', sampleTypes: sampleTypes.split(' '), periodType, timed: of !== 'moment' },
  };
}

/** A file that a tool other than pprof opens. */
function file(fileName: string, body: Body): Answer {
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${fileName}"`,
      'x-go-pprof': undefined,
    },
    body,
  };
}

export function cpuprofile(): Answer {
  const keys = ['nodes', 'startTime', 'endTime', 'samples', 'timeDeltas'];
  return file('profile.cpuprofile', { is: 'json', keys });
}

export function heapprofile(name: string): Answer {
  return file(`${name}.heapprofile`, { is: 'json', keys: ['head', 'samples'] });
}

export function trace(): Answer {
  return file('trace.json', { is: 'trace' });
}

export function text(pattern: RegExp, contentType = TEXT): Answer {
  return {
    status: 200,
    headers: { 'content-type': contentType, 'content-disposition': undefined, 'x-go-pprof': undefined },
    body: { is: 'text', pattern },
  };
}

export function json(contentType: string, keys: readonly string[] = []): Answer {
  return {
    status: 200,
    headers: { 'content-type': contentType, 'content-disposition': undefined, 'x-go-pprof': undefined },
    body: { is: 'json', keys },
  };
}

/** The index page, which may load nothing but its own style and script, and ask nobody else. */
export function index(pattern: RegExp): Answer {
  return withHeaders(text(pattern, 'text/html; charset=utf-8'), {
    'content-security-policy':
      /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    'cross-origin-opener-policy': 'same-origin',
  });
}

/** A file of the viewer, which may load nothing from elsewhere. */
export function viewer(answer: Answer): Answer {
  const policy = /^default-src 'none'; script-src 'self' .*connect-src 'self'/;
  return withHeaders(answer, {
    'content-security-policy': policy,
    'cross-origin-opener-policy': 'same-origin',
  });
}

function withHeaders(answer: Answer, headers: Answer['headers']): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** `go tool pprof` shows the text of an error that looks like this. */
export function error(status: number, message: string | RegExp, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: {
      'content-type': TEXT,
      'content-disposition': undefined,
      'x-go-pprof': '1',
      ...headers,
    },
    body: { is: 'error', text: message },
  };
}

/** The same, with the headers and without the body. */
export function headOf({ status, headers }: Answer): Answer {
  return { status, headers, body: { is: 'empty' } };
}

export function redirect(location: string): Answer {
  return { status: 301, headers: { location }, body: { is: 'empty' } };
}
