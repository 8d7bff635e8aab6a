/** What a page of another origin can do to have a browser send a request: HTML for a URL. */
export const WEB_ATTACKS: Readonly<Record<string, (url: string) => string>> = {
  'an image': (url) => `<img src="${url}">`,
  'a script': (url) => `<script src="${url}"></script>`,
  'a script that asks for CORS': (url) => `<script crossorigin src="${url}"></script>`,
  'a style sheet': (url) => `<link rel="stylesheet" href="${url}">`,
  'a video': (url) => `<video src="${url}" autoplay></video>`,
  'an object': (url) => `<object data="${url}"></object>`,
  'an iframe': (url) => `<iframe src="${url}"></iframe>`,
  'a sandboxed iframe': (url) => `<iframe sandbox src="${url}"></iframe>`,
  'a prefetch': (url) => `<link rel="prefetch" href="${url}">`,
  'fetch with CORS': (url) => script(`fetch('${url}')`),
  'fetch without CORS': (url) => script(`fetch('${url}', { mode: 'no-cors' })`),
  'fetch with credentials': (url) => script(`fetch('${url}', { mode: 'no-cors', credentials: 'include' })`),
  'fetch of a worker': (url) =>
    script(`new Worker(URL.createObjectURL(new Blob(["fetch('${url}', { mode: 'no-cors' })"])))`),
  'a beacon': (url) => script(`navigator.sendBeacon('${url}', '1')`),
  'server-sent events': (url) => script(`new EventSource('${url}')`),
  'a form that gets': (url) => form('GET', url),
  'a form that posts': (url) => form('POST', url),
  'a link that is clicked': (url) => `<a href="${url}">x</a>${script("document.querySelector('a').click()")}`,
  'a link without referrer': (url) =>
    `<a rel="noreferrer" href="${url}">x</a>${script("document.querySelector('a').click()")}`,
  'a new location': (url) => script(`location = '${url}'`),
  'a refresh': (url) => `<meta http-equiv="refresh" content="0;url=${url}">`,
  'a compression dictionary': (url) => `<link rel="compression-dictionary" href="${url}">`,
  'a link that downloads': (url) =>
    `<a download href="${url}">x</a>${script("document.querySelector('a').click()")}`,
  // https://developer.chrome.com/docs/web-platform/prerender-pages: a browser says "none" of these, as of a typed address.
  'speculation rules that prefetch': (url) => speculation('prefetch', url),
  'speculation rules that prerender': (url) => speculation('prerender', url),
  'an image, by a redirect': (url) => `<img src="/redirect?to=${encodeURIComponent(url)}">`,
  'fetch, by a redirect': (url) =>
    script(`fetch('/redirect?to=${encodeURIComponent(url)}', { mode: 'no-cors' })`),
  'a new location, by a redirect': (url) => script(`location = '/redirect?to=${encodeURIComponent(url)}'`),
  'an iframe, by a redirect': (url) => `<iframe src="/redirect?to=${encodeURIComponent(url)}"></iframe>`,
};

/** What only a page of the same host can do, on another port: it is of a secure context, as localhost is one. */
export const LOCAL_ATTACKS: Readonly<Record<string, (url: string) => string>> = {
  'speculation rules that prefetch': (url) => speculation('prefetch', url),
  'speculation rules that prerender': (url) => speculation('prerender', url),
  'speculation rules, by a redirect': (url) =>
    speculation('prerender', `/redirect?to=${encodeURIComponent(url)}`),
};

/** What a page can do only to read an answer: each tells it what it has read, as `window.stolen`. */
export const READ_ATTEMPTS: Readonly<Record<string, (url: string) => string>> = {
  'fetch with CORS': (url) => read(`await (await fetch('${url}')).text()`),
  'fetch without CORS': (url) => read(`await (await fetch('${url}', { mode: 'no-cors' })).text()`),
  'fetch, by a redirect': (url) =>
    read(`await (await fetch('/redirect?to=${encodeURIComponent(url)}')).text()`),
  'an iframe': (url) =>
    `<iframe src="${url}"></iframe>${read('(await new Promise((done) => (onload = done)), frames[0].document.body.textContent)')}`,
  'a new window': (url) =>
    read(`await (async () => {
      const opened = open('${url}');
      // Its own empty page can be read, before the other one is there.
      for (let text = ''; ; text = opened.document.body.textContent) {
        if (text !== '') return text;
        await new Promise((done) => setTimeout(done, 20));
      }
    })()`),
};

function script(code: string): string {
  return `<script>${code}</script>`;
}

function speculation(how: string, url: string): string {
  const rules = { [how]: [{ source: 'list', urls: [url], eagerness: 'immediate' }] };
  return `<script type="speculationrules">${JSON.stringify(rules)}</script>`;
}

function form(method: string, url: string): string {
  const { origin, pathname, searchParams } = new URL(url);
  const fields = [...searchParams].map(([name, value]) => `<input name="${name}" value="${value}">`).join('');
  return `<form method="${method}" action="${origin}${pathname}">${fields}</form>${script('document.forms[0].submit()')}`;
}

function read(expression: string): string {
  return script(`
    window.stolen = (async () => {
      try { return { text: ${expression} }; } catch (error) { return { failure: String(error) }; }
    })();
  `);
}
