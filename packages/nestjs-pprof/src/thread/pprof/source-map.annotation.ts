const ANNOTATION = 'sourceMappingURL=';
const COMMENT = /\/\/[^\n\r\u2028\u2029]*|\/\*[^]*?\*\//g;
const MAGIC = /^\/[/*][#@]\s+sourceMappingURL=(\S*)([^\n\r\u2028\u2029]*)/;

/**
 * What the last comment among these says that is `//# sourceMappingURL=`, its old form with `@`, or the form for block
 * comments; not one that merely has such words in it.
 * https://github.com/v8/v8/blob/main/src/parsing/scanner.cc (`TryToParseMagicComment`)
 *
 * @param comments and the space around them
 * @internal
 */
export function annotationIn(comments: string): string | undefined {
  if (!comments.includes(ANNOTATION)) {
    return undefined;
  }
  const magic = comments.match(COMMENT)?.findLast((comment) => MAGIC.test(comment));
  const [, value = '', rest = ''] = MAGIC.exec(magic ?? '') ?? [];
  const url = value.replace(/\*\/$/, '');
  const isAlone = /^\s*(?:\*\/.*)?$/.test(rest);
  // Quotes: not meant as one. A URI-encoded map may have them.
  return url === '' || !isAlone || (!/^data:/i.test(url) && /['"`]/.test(url)) ? undefined : flat(url);
}

/** A copy of its own: a slice would keep the whole text in memory. @internal */
export function flat(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'utf16le').toString('utf16le');
}
